package compare

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func specFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "spec.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const goodSpec = `rounds: 3
baseline: a
subject: b
defaults: {payload: 64, duration: 1s}
sources: {Other: its own page}
brokers:
  - name: a
    command: prog -c {conf}
    config: |
      port {port}
    version: [prog, -h]
    get: ask a friend
  - name: b
    command: ["{self}", two words]
scenarios:
  - name: first
    run: p2p
    title: the first one
    with: {publishers: 50, qos: 1}
    at_most: 1/6
    references: [{name: Other, share: 1/3.2}]
    settings: {a: nodelay on}
  - name: second
    run: openloop
    measure: p99
    brokers: [b]
    with:
      rate: 20% of a in first
`

func TestASpecIsReadWhole(t *testing.T) {
	s, err := Load(specFile(t, goodSpec))
	if err != nil {
		t.Fatal(err)
	}
	first, second := s.Scenarios[0], s.Scenarios[1]
	if s.Rounds != 3 || s.Baseline != "a" || s.Subject != "b" || len(s.Brokers) != 2 || first.AtMost.String() != "1/6" ||
		first.Measure != CPU || second.Measure != P99 || second.Title != "second" || first.References[0].Share.String() != "1/3.2" {
		t.Errorf("got %+v, %+v, %+v", s, first, second)
	}
	if got := s.Brokers[1].Command; !slices.Equal(got, []string{"{self}", "two words"}) {
		t.Errorf("command %q", got)
	}
	if got := s.Brokers[0].Command; !slices.Equal(got, []string{"prog", "-c", "{conf}"}) {
		t.Errorf("command %q", got)
	}
	if o := second.With[0]; o.of == nil || *o.of != (relative{0.2, "a", "first"}) {
		t.Errorf("rate %+v, want 20 %% of a in first", o)
	}
}

func TestWhatIsWrongIsNamedWithItsLine(t *testing.T) {
	for _, tt := range []struct{ old, new, want string }{
		{"rounds: 3", "rounds: [", "spec.yaml:8: "},
		{"rounds: 3", "rounds: many", "spec.yaml:1: "},
		{"baseline: a", "bogus: a", `spec.yaml:2: unknown field "bogus"`},
		{"    get: ask", "    bogus: ask", `spec.yaml:12: unknown field "bogus"`},
		{"rounds: 3", "rounds: 0", "spec.yaml: rounds: must be at least 1"},
		{"baseline: a", "baseline: c", `spec.yaml: baseline: there is no broker "c"`},
		{"    command: prog -c {conf}\n", "", "spec.yaml:7: broker a: command is missing"},
		{"scenarios:", "  - {name: a, command: prog}\nscenarios:", "spec.yaml:15: broker a: there are two of them"},
		{"publishers: 50", "publishers: some", `spec.yaml:19: publishers: "some" is no number from 0 up`},
		{"publishers: 50", "people: 50", "spec.yaml:19: people: unknown option"},
		{"payload: 64", "payload: big", `spec.yaml:4: payload: "big"`},
		{"at_most: 1/6", "at_most: a sixth", `spec.yaml:20: "a sixth" is no share such as 1/6`},
		{"at_most: 1/6", "at_most: 1/0", `spec.yaml:20: "1/0" is no share such as 1/6`},
		{"at_most: 1/6", "below: -1", "spec.yaml:16: scenario first: below needs"},
		{"at_most: 1/6", "at_most: 1/6\n    below: 5", "spec.yaml:16: scenario first: at_most and below are two targets"},
		{"measure: p99", "measure: speed", `spec.yaml:25: measure: "speed" is neither cpu`},
		{"run: openloop", "runs: openloop", `spec.yaml:24: unknown field "runs"`},
		{"run: openloop", "run: openloop\n    over: quic", `spec.yaml:25: over: "quic" is none of tcp, tls, mtls, ws and wss`},
		{"name: second", "name: first", "spec.yaml:23: scenario first: there are two of them"},
		{"of a in first", "of a in third", `spec.yaml:28: rate: there is no scenario "third"`},
		{"of a in first", "of a in second", "spec.yaml:28: rate: scenario second is not measured before this one"},
		{"of a in first", "of c in first", `spec.yaml:28: rate: there is no broker "c"`},
		{"baseline: a", "ratios: [a]", `spec.yaml:2: "a" does not set two brokers`},
		{"baseline: a", "baseline: a\nratios: [\"b : c\"]", `spec.yaml:3: ratios: there is no broker "c"`},
		{"measure: p99", "also: [speed]", `spec.yaml:25: measure: "speed" is neither cpu`},
		{"settings: {a:", "settings: {b:", `spec.yaml:16: scenario first: settings for "b", which is no broker with a config`},
		{"brokers: [b]", "brokers: [c]", `spec.yaml:23: scenario second: there is no broker "c"`},
	} {
		text := strings.Replace(goodSpec, tt.old, tt.new, 1)
		_, err := Load(specFile(t, text))
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q instead of %q: got %v, want one line that begins %s", tt.new, tt.old, err, tt.want)
		}
	}
}

func TestTheSpecsOfTheProjectAreValid(t *testing.T) {
	files, err := filepath.Glob("../specs/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("found %q, %v, want three at least", files, err)
	}
	for _, file := range files {
		if _, err := Load(file); err != nil {
			t.Error(err)
		}
	}
}

func TestSharesReadLikeFractions(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"1/6", "1/6"}, {"1/1.9", "1/1.9"}, {"0.5", "1/2"}, {"1/40", "1/40"}, {"1/12.6", "1/13"}, {"1", "1/1"}, {"1/1", "1/1"}, {"1.5", "1.50 times"}, {"1.001", "1.01 times"}, {"0.999", "1/1"}, {"12", "12 times"},
	} {
		s, err := ParseShare(tt.text)
		if err != nil || s.String() != tt.want {
			t.Errorf("%s: got %v, %v, want %s", tt.text, s, err, tt.want)
		}
	}
}
