package enginetest

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed spec/*.tsv pending.txt
var files embed.FS

// Rule is one normative statement of the specification, as spec/*.tsv has it.
type Rule struct {
	Version string // v311 or v5
	ID      string
	Who     string // server, client, both, receiver or sender
	Text    string
	Test    string // how to show it; "-" if it cannot be seen
}

// Name is version and id, as pending.txt and the names of cases have them.
func (r Rule) Name() string { return r.Version + "/" + r.ID }

// BindsServer tells whether a broker plays the role that the rule binds, be it at times.
func (r Rule) BindsServer() bool { return r.Who != "client" }

// Visible tells whether a broker's reaction shows the rule. What only a scripted server sees in a client is not ours to show.
func (r Rule) Visible() bool {
	return r.Test != "-" && (r.BindsServer() || !strings.HasPrefix(r.Test, "fake server"))
}

// Rules returns the statements of 3.1.1 and of 5.0, in the order of the specification.
func Rules() ([]Rule, error) {
	var rules []Rule
	for _, v := range []struct{ version, file string }{
		{"v311", "spec/mqtt-3.1.1-normative.tsv"},
		{"v5", "spec/mqtt-5.0-normative.tsv"},
	} {
		text, err := files.ReadFile(v.file)
		if err != nil {
			return nil, err
		}
		for i, line := range lines(string(text)) {
			f := strings.Split(line, "\t")
			if len(f) != 4 {
				return nil, fmt.Errorf("%s: entry %d has %d columns, want 4", v.file, i, len(f))
			}
			if f[0] != "id" {
				rules = append(rules, Rule{v.version, f[0], f[1], f[2], f[3]})
			}
		}
	}
	return rules, nil
}

// Pending returns the names of the rules that pending.txt admits to have no case.
func Pending() ([]string, error) {
	text, err := files.ReadFile("pending.txt")
	if err != nil {
		return nil, err
	}
	return lines(string(text)), nil
}

// lines returns the lines of text that are neither empty nor comments.
func lines(text string) []string {
	var list []string
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n"); line != "" && line[0] != '#' {
			list = append(list, line)
		}
	}
	return list
}
