package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/penstock-mqtt/penstock/engine"
)

// maxFile is the largest configuration file that is read: whatever is larger was named by mistake.
const maxFile = 256 << 10

// file applies a YAML file. The file is walked as a tree rather than decoded into the struct, so that every value takes
// the same way as --set and every error has its line.
func (l *loader) file(path string) error {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxFile {
		return fmt.Errorf("%s: is %d bytes long, no configuration", path, info.Size())
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	return l.yaml(filepath.Base(path), data)
}

// yaml applies the text of a file called name.
func (l *loader) yaml(name string, data []byte) error {
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		return syntaxError(name, err)
	}
	w := walker{loader: l, name: name}
	for i, doc := range tree.Docs {
		if i > 0 && doc.Body != nil {
			return w.fail(doc.Body, "a second YAML document is not read")
		}
		if err := w.document(doc.Body); err != nil {
			return err
		}
	}
	return nil
}

// syntaxError turns the parser's picture of the source into one line.
func syntaxError(name string, err error) error {
	var ye yaml.Error
	if !errors.As(err, &ye) || ye.GetToken() == nil {
		return fmt.Errorf("%s: %s", name, firstLine(err.Error()))
	}
	return fmt.Errorf("%s:%d: %s", name, ye.GetToken().Position.Line, firstLine(ye.GetMessage()))
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// walker carries the values of a YAML tree into a loader.
type walker struct {
	*loader
	name string
}

func (w walker) place(n ast.Node) string {
	return w.name + ":" + strconv.Itoa(n.GetToken().Position.Line)
}

func (w walker) fail(n ast.Node, problem string) error {
	return fmt.Errorf("%s: %s", w.place(n), problem)
}

// document applies the root, which is a mapping or nothing.
func (w walker) document(body ast.Node) error {
	switch n := body.(type) {
	case nil, *ast.NullNode, *ast.CommentGroupNode:
		return nil
	case *ast.MappingNode:
		return w.mapping("", n)
	}
	return w.fail(body, "must be keys and values")
}

// node applies the value of one key.
func (w walker) node(key string, n ast.Node) error {
	switch n := n.(type) {
	case *ast.MappingNode:
		if err := w.setList(key, nil, w.place(n)); err != nil {
			return err
		}
		return w.mapping(key, n)
	case *ast.SequenceNode:
		return w.sequence(key, n)
	case *ast.NullNode:
		return w.setList(key, nil, w.place(n))
	}
	value, err := w.scalar(n)
	if err != nil {
		return err
	}
	return w.set(key, value, w.place(n))
}

func (w walker) mapping(key string, n *ast.MappingNode) error {
	seen := map[string]bool{}
	for _, pair := range n.Values {
		name, err := w.key(pair.Key)
		if err != nil {
			return err
		}
		if key != "" {
			name = key + "." + name
		}
		canonical := engine.CanonicalKey(name)
		if seen[canonical] { // the parser knows keys by their letters
			return w.fail(pair.Key, canonical+": stands more than once, with dashes and with underscores")
		}
		seen[canonical] = true
		if err := w.node(name, pair.Value); err != nil {
			return err
		}
	}
	return nil
}

// key reads the name of a pair. A dot would let one key be written in two ways.
func (w walker) key(n ast.MapKeyNode) (string, error) {
	if s, ok := n.(*ast.StringNode); ok && !strings.Contains(s.Value, ".") {
		return s.Value, nil
	}
	return "", w.fail(n, fmt.Sprintf("%s: unknown key", firstLine(n.String())))
}

// sequence applies a list: plain values as a whole, sections one after the other.
func (w walker) sequence(key string, n *ast.SequenceNode) error {
	var values []string
	sections := false
	for _, element := range n.Values {
		if _, sections = element.(*ast.MappingNode); sections {
			break
		}
		value, err := w.scalar(element)
		if err != nil {
			return err
		}
		values = append(values, value)
	}
	if !sections {
		return w.setList(key, values, w.place(n))
	}
	if err := w.setList(key, nil, w.place(n)); err != nil {
		return err
	}
	for i, element := range n.Values {
		if err := w.node(key+"."+strconv.Itoa(i), element); err != nil {
			return err
		}
	}
	return nil
}

// scalar gives a plain value as the text it was written with.
func (w walker) scalar(n ast.Node) (string, error) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, nil
	}
	return "", w.fail(n, "anchors, aliases, tags and nested lists are not taken here")
}
