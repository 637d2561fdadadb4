// Matrix turns the events of `go test -json` on stdin into the conformance table, in Markdown, on stdout. It ends with status 1
// if a case failed or has no result. The table holds nothing that differs from run to run.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/penstock-mqtt/penstock/engine/enginetest"
)

func main() {
	results, err := readResults(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, "matrix: read events:", err)
		os.Exit(2)
	}
	w := bufio.NewWriter(os.Stdout)
	ok, err := write(w, results)
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "matrix:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// readResults returns the last result of each case by name. Output of the test that is no event (a build error) goes to stderr.
func readResults(r io.Reader) (map[string]string, error) {
	words := map[string]string{"pass": "pass", "fail": "FAIL", "skip": "n/a"}
	results := map[string]string{}
	in := bufio.NewScanner(r)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var e struct{ Action, Test, Output string }
		if json.Unmarshal(in.Bytes(), &e) != nil {
			fmt.Fprintln(os.Stderr, in.Text())
			continue
		}
		name, isCase := strings.CutPrefix(e.Test, "TestConformance/")
		if word := words[e.Action]; word != "" && isCase {
			results[name] = word
		}
	}
	return results, in.Err()
}

// write writes the table and tells whether every case passed or is n/a.
func write(w io.Writer, results map[string]string) (ok bool, err error) {
	rules, err := enginetest.Rules()
	if err != nil {
		return false, err
	}
	cases := map[string][]enginetest.Case{}
	var order []string // of the ids as the cases have them
	for _, c := range enginetest.Cases() {
		key := c.Version + "/" + c.ID
		if cases[key] == nil {
			order = append(order, key)
		}
		cases[key] = append(cases[key], c)
	}
	versions := []section{{version: "v31", title: "3.1"}, {version: "v311", title: "3.1.1"}, {version: "v5", title: "5.0"}}
	for i := range versions {
		s := &versions[i]
		for _, r := range rules {
			if r.Version == s.version {
				s.add(r.Name(), cases[r.Name()], results, why(r))
			}
		}
		for _, key := range order { // ids of our own stand in no table
			if strings.HasPrefix(key, s.version+"/") && !strings.Contains(key, "/MQTT-") {
				s.add(key, cases[key], results, "")
			}
		}
	}
	fmt.Fprint(w, head)
	ok = true
	for _, s := range versions {
		fmt.Fprintf(w, "| %s | %d | %d | %d | %d | %d | %d |\n", s.title, s.rules, s.shown, s.cases, s.count["pass"], s.count["FAIL"]+s.count[none], s.count["n/a"])
		ok = ok && s.count["FAIL"]+s.count[none] == 0
	}
	for _, s := range versions {
		fmt.Fprintf(w, "\n## MQTT %s\n\n| id | test | result |\n|---|---|---|\n%s", s.title, s.rows.String())
	}
	return ok, nil
}

const head = `# Conformance

Made by ` + "`scripts/conformance.sh`" + `; do not edit. A row is a rule of the specification and one test of it over a real socket; ids without
a number are our own. ` + "`n/a`" + `: the broker cannot be given the setting that the test needs, or serves no WebSocket. A row without a test says why it has none.

| MQTT | ids | ids with a test | tests | pass | fail | n/a |
|---|---|---|---|---|---|---|
`

// none stands for a case of which the run said nothing.
const none = "no result"

// why tells for a rule that has no case why that is.
func why(r enginetest.Rule) string {
	switch {
	case r.Test == "-":
		return "cannot be seen over a socket"
	case !r.Visible():
		return "binds clients only: codec/client has the tests"
	}
	return "pending"
}

// section is the part of the table that belongs to one version.
type section struct {
	version, title      string
	rules, shown, cases int
	count               map[string]int
	rows                strings.Builder
}

// add writes a rule's rows: one for each case, or the reason for having none.
func (s *section) add(key string, cases []enginetest.Case, results map[string]string, reason string) {
	id := strings.TrimPrefix(key, s.version+"/")
	s.rules++
	if len(cases) == 0 {
		fmt.Fprintf(&s.rows, "| %s | %s | - |\n", id, reason)
		return
	}
	if s.count == nil {
		s.count = map[string]int{}
	}
	s.shown++
	for _, c := range cases {
		result := results[c.Name()]
		if result == "" {
			result = none
		}
		s.cases++
		s.count[result]++
		fmt.Fprintf(&s.rows, "| %s | %s | %s |\n", id, strings.ReplaceAll(c.What, "|", `\|`), result)
	}
}
