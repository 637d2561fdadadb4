package engine

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// FieldError is what is wrong with one key of the configuration.
type FieldError struct {
	Field   string // dotted, as Config.Set takes it
	Problem string // a clause without subject: "must be 0, 1 or 2, is 3"
}

// Error gives field and problem in one line.
func (e *FieldError) Error() string { return e.Field + ": " + e.Problem }

// Set gives one key its value as text: `limits.maximum_qos` "1", `listeners.0.versions` "4,5". Lists of plain values are
// separated by commas; a listener as a whole is set by its URL (`listeners.0` "tcp://127.0.0.1:1884"), a list of
// listeners by one URL or, with an empty value, to no element. An index one past the end of a list adds an element. Keys
// may be written with dashes for underscores.
//
// Set checks what the text alone decides; Validate says whether the whole holds together. Errors are *FieldError, and
// after one the Config is not to be used.
func (c *Config) Set(key, value string) error {
	return set(reflect.ValueOf(c).Elem(), key, []string{value}, false)
}

// SetList gives a key that is a list all its elements, each as text. A section takes an empty list: nothing of it is set.
func (c *Config) SetList(key string, values []string) error {
	return set(reflect.ValueOf(c).Elem(), key, values, true)
}

// SetIn is Config.Set for the larger configuration of a program: config points to a struct that embeds Config and has
// sections of its own, keyed by yaml tags in the same way.
func SetIn(config any, key, value string) error {
	return set(reflect.ValueOf(config).Elem(), key, []string{value}, false)
}

// SetListIn is Config.SetList for such a struct.
func SetListIn(config any, key string, values []string) error {
	return set(reflect.ValueOf(config).Elem(), key, values, true)
}

// set walks key from root, a struct, and writes values to the field it ends at. listed says that values are elements
// already, so that a single one is not cut at its commas.
func set(root reflect.Value, key string, values []string, listed bool) error {
	v, at := root, ""
	for part := range strings.SplitSeq(key, ".") {
		if isSection(v.Type()) { // an index has no second form
			part = CanonicalKey(part)
		}
		next, err := step(v, part)
		if err != nil {
			return &FieldError{join(at, inLine(part)), err.Error()}
		}
		v, at = next, join(at, part)
	}
	if err := write(v, values, listed); err != nil {
		return &FieldError{at, err.Error()}
	}
	return nil
}

// CanonicalKey is the form of a key in which errors name it: with underscores where it was written with dashes.
func CanonicalKey(key string) string { return strings.ReplaceAll(key, "-", "_") }

// inLine quotes what a terminal would not show as it is: an error is one line, whatever stood there for a key.
func inLine(part string) string {
	if strings.ContainsFunc(part, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(part)
	}
	return part
}

func join(prefix, part string) string {
	if prefix == "" {
		return part
	}
	return prefix + "." + part
}

// step goes one part of a key down from v.
func step(v reflect.Value, part string) (reflect.Value, error) {
	switch {
	case isSection(v.Type()):
		if f, ok := field(v, part); ok {
			return f, nil
		}
		return reflect.Value{}, fmt.Errorf("unknown key (known here: %s)", strings.Join(keysOf(v.Type()), ", "))
	case v.Kind() == reflect.Slice && isSection(v.Type().Elem()):
		i, err := strconv.Atoi(part)
		if err != nil || i < 0 || i > v.Len() {
			return reflect.Value{}, fmt.Errorf("must be an index from 0 to %d", v.Len())
		}
		if i == v.Len() {
			v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
		}
		return v.Index(i), nil
	}
	return reflect.Value{}, fmt.Errorf("unknown key (nothing stands below a value)")
}

// isSection reports whether a type is a struct of keyed fields rather than a value.
func isSection(t reflect.Type) bool { return t.Kind() == reflect.Struct }

// field finds a section's field by its key. What a section embeds is of the section itself.
func field(section reflect.Value, key string) (reflect.Value, bool) {
	for i := range section.NumField() {
		if f := section.Type().Field(i); f.Anonymous {
			if v, ok := field(section.Field(i), key); ok {
				return v, true
			}
		} else if f.Tag.Get("yaml") == key {
			return section.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// keysOf lists a section's keys in their order.
func keysOf(section reflect.Type) []string {
	keys := make([]string, 0, section.NumField())
	for i := range section.NumField() {
		if f := section.Field(i); f.Anonymous {
			keys = append(keys, keysOf(f.Type)...)
		} else {
			keys = append(keys, f.Tag.Get("yaml"))
		}
	}
	return keys
}

// write parses values into v.
func write(v reflect.Value, values []string, listed bool) error {
	if v.Kind() == reflect.Slice {
		return writeList(v, values, listed)
	}
	u, isText := v.Addr().Interface().(encoding.TextUnmarshaler)
	switch {
	case len(values) == 0 && isSection(v.Type()):
		return nil
	case len(values) == 0:
		return fmt.Errorf("has no value")
	case isSection(v.Type()) && !isText:
		return fmt.Errorf("is a section: set one of its keys (%s)", strings.Join(keysOf(v.Type()), ", "))
	case listed:
		return fmt.Errorf("takes one value, not a list")
	case isText:
		return u.UnmarshalText([]byte(values[0]))
	}
	return writeScalar(v, values[0])
}

// writeList replaces the whole list, and only when every element is good.
func writeList(v reflect.Value, values []string, listed bool) error {
	if !listed {
		if values[0] == "" {
			values = nil
		} else if !isSection(v.Type().Elem()) {
			values = strings.Split(values[0], ",")
		}
	}
	list := reflect.MakeSlice(v.Type(), len(values), len(values))
	for i, value := range values {
		if err := write(list.Index(i), []string{value}, false); err != nil {
			return err
		}
	}
	v.Set(list)
	return nil
}

func writeScalar(v reflect.Value, text string) error {
	if v.Type() == reflect.TypeFor[time.Duration]() {
		d, err := parseDuration(text)
		if err == nil {
			v.SetInt(int64(d))
		}
		return err
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		if !slices.Contains([]string{"true", "false"}, text) {
			return fmt.Errorf("must be true or false, is %q", text)
		}
		v.SetBool(text == "true")
	case reflect.Int:
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("must be a whole number, is %q", text)
		}
		v.SetInt(n)
	default:
		panic("engine: a Config field of type " + v.Type().String() + " that Set cannot write")
	}
	return nil
}
