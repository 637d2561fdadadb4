package transcript

import (
	"strconv"
	"strings"
	"time"
)

// args is a command apart: verb, words in their order, and key=value pairs.
type args struct {
	s     *scenario
	verb  string
	words []string
	pairs [][2]string
}

// parse takes a command apart. Words are separated by spaces; a word or value in quotes is a Go string.
func parse(s *scenario, text string) args {
	a := args{s: s}
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimLeft(text, " ") {
		key := ""
		if i := strings.IndexAny(text, `= "`); i > 0 && text[i] == '=' {
			key, text = text[:i], text[i+1:]
		}
		var word string
		if strings.HasPrefix(text, `"`) {
			quoted, err := strconv.QuotedPrefix(text)
			if err != nil {
				s.fatalf("%v: %s", err, text)
			}
			word, _ = strconv.Unquote(quoted)
			text = text[len(quoted):]
		} else {
			word, text, _ = strings.Cut(text, " ")
		}
		switch {
		case key != "":
			a.pairs = append(a.pairs, [2]string{key, word})
		case a.verb == "":
			a.verb = word
		default:
			a.words = append(a.words, word)
		}
	}
	return a
}

// get is the value of a key.
func (a args) get(key string) (string, bool) {
	for _, p := range a.pairs {
		if p[0] == key {
			return p[1], true
		}
	}
	return "", false
}

func (a args) text(key, otherwise string) string {
	if v, ok := a.get(key); ok {
		return v
	}
	return otherwise
}

func (a args) number(key string, otherwise int) int {
	v, ok := a.get(key)
	if !ok {
		return otherwise
	}
	return a.atoi(v)
}

func (a args) atoi(v string) int {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		a.s.fatalf("%v", err)
	}
	return int(n)
}

// code is a reason code in hexadecimal.
func (a args) code(v string) byte {
	n, err := strconv.ParseUint(v, 16, 8)
	if err != nil {
		a.s.fatalf("%v", err)
	}
	return byte(n)
}

func (a args) duration(v string) time.Duration {
	d, err := time.ParseDuration(v)
	if err != nil {
		a.s.fatalf("%v", err)
	}
	return d
}

// flag tells whether a word stands there.
func (a args) flag(word string) bool {
	for _, w := range a.words {
		if w == word {
			return true
		}
	}
	return false
}

// word is the nth word behind the verb.
func (a args) word(n int) string {
	if n >= len(a.words) {
		a.s.fatalf("%s wants another word", a.verb)
	}
	return a.words[n]
}
