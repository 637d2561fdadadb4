package enginetest

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "renew pending.txt: every rule without a case")

const pendingHead = `# Rules without a case, one a line. Only what cannot be seen over a socket may stand here.
# Renewed by: go test ./engine/enginetest -run TestMatrixIsComplete -rewrite
`

// TestMatrixIsComplete shows, without a broker, that every rule a broker can be seen to keep has a case or stands in pending.txt.
func TestMatrixIsComplete(t *testing.T) {
	rules, err := Rules()
	if err != nil {
		t.Fatal(err)
	}
	covered, names := map[string]bool{}, map[string]bool{}
	for _, c := range Cases() {
		covered[c.Version+"/"+c.ID] = true
		if names[c.Name()] {
			t.Errorf("two cases are named %s", c.Name())
		}
		names[c.Name()] = true
	}
	known := map[string]bool{}
	var missing []string
	for _, r := range rules {
		known[r.Name()] = true
		if !covered[r.Name()] && (r.Visible() || r.BindsServer()) {
			missing = append(missing, r.Name())
			if !mayBePending(r) {
				t.Errorf("%s has no case: %s", r.Name(), r.Test)
			}
		}
	}
	for name := range covered {
		if !known[name] && strings.Contains(name, "/MQTT-") { // other ids are names of our own
			t.Errorf("cases for %s, which is no rule of the tables", name)
		}
	}
	checkPending(t, missing)
}

func checkPending(t *testing.T, missing []string) {
	if *rewrite {
		text := pendingHead + strings.Join(missing, "\n") + "\n"
		if err := os.WriteFile("pending.txt", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	pending, err := Pending()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range missing {
		if !slices.Contains(pending, name) {
			t.Errorf("%s has neither a case nor a line in pending.txt", name)
		}
	}
	for _, name := range pending {
		if !slices.Contains(missing, name) {
			t.Errorf("pending.txt holds %s, which has a case or is no rule that needs one", name)
		}
	}
}

// mayBePending tells whether a rule may go without a case: it cannot be seen.
func mayBePending(r Rule) bool { return r.Test == "-" }
