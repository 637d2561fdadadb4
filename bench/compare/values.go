package compare

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/penstock-mqtt/penstock/bench/internal/human"
)

// words is a command line: a list, or one text that is cut at its spaces.
type words []string

// UnmarshalYAML takes either.
func (w *words) UnmarshalYAML(n ast.Node) error {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		text, err := scalar(n)
		*w = strings.Fields(text)
		return err
	}
	for _, element := range list.Values {
		text, err := scalar(element)
		if err != nil {
			return err
		}
		*w = append(*w, text)
	}
	return nil
}

// scalar is a plain value as it was written.
func scalar(n ast.Node) (string, error) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, nil
	}
	return "", failAt(n, "a plain value is wanted here")
}

// options are options of a scenario, each with its line. Later ones win.
type options []option

type option struct {
	name, value string
	of          *relative // in place of a value
	line        int
}

// relative is a rate that follows from what was measured before: "20% of mosquitto in p2p-qos0".
type relative struct {
	share            float64
	broker, scenario string
}

var relativeForm = regexp.MustCompile(`^([0-9.]+) ?% of (\S+) in (\S+)$`)

// UnmarshalYAML takes a mapping of names to plain values.
func (o *options) UnmarshalYAML(n ast.Node) error {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		return failAt(n, "options are names and values")
	}
	for _, pair := range m.Values {
		value, err := scalar(pair.Value)
		if err != nil {
			return err
		}
		opt := option{name: pair.Key.GetToken().Value, value: value, line: pair.Key.GetToken().Position.Line}
		if parts := relativeForm.FindStringSubmatch(value); parts != nil && opt.name == "rate" {
			percent, err := strconv.ParseFloat(parts[1], 64)
			if err != nil || percent <= 0 {
				return failAt(pair.Value, "rate: %q is no share", parts[1])
			}
			opt.of = &relative{share: percent / 100, broker: parts[2], scenario: parts[3]}
		}
		*o = append(*o, opt)
	}
	return nil
}

// ratio sets one broker against another; it is written "a : b".
type ratio struct {
	Of   string `json:"of"`
	To   string `json:"to"`
	line int
}

// UnmarshalYAML takes two names.
func (r *ratio) UnmarshalYAML(n ast.Node) error {
	text, err := scalar(n)
	if err != nil {
		return err
	}
	of, to, two := strings.Cut(text, ":")
	if r.Of, r.To = strings.TrimSpace(of), strings.TrimSpace(to); !two {
		return failAt(n, "%q does not set two brokers against each other, as in \"a : b\"", text)
	}
	r.line = n.GetToken().Position.Line
	return nil
}

// Share is a ratio to the baseline, written "1/6" or "1.5".
type Share float64

// ParseShare reads one.
func ParseShare(text string) (Share, error) {
	over, under, fraction := strings.Cut(strings.ReplaceAll(text, " ", ""), "/")
	f, err := strconv.ParseFloat(over, 64)
	if err == nil && fraction {
		var d float64
		d, err = strconv.ParseFloat(under, 64)
		f /= d
	}
	if err != nil || !(f > 0 && f < 1e12) {
		return 0, fmt.Errorf("%q is no share such as 1/6", text)
	}
	return Share(f), nil
}

// UnmarshalYAML takes a fraction or a number.
func (s *Share) UnmarshalYAML(n ast.Node) error {
	text, err := scalar(n)
	if err != nil {
		return err
	}
	if *s, err = ParseShare(text); err != nil {
		return failAt(n, "%v", err)
	}
	return nil
}

// String writes shares below one as fractions, as people say them: a sixth, not 16.7 %.
func (s Share) String() string {
	if s < 0.995 {
		under := 1 / float64(s)
		if under >= 9.95 {
			return fmt.Sprintf("1/%.0f", under)
		}
		return "1/" + strings.TrimSuffix(fmt.Sprintf("%.1f", under), ".0")
	}
	if s <= 1 {
		return "1/1"
	}
	return human.Number(max(1.01, float64(s))) + " times" // what is above one is not to look like one
}
