package enginetest

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// patience is how long a case waits for something that must come. It is long because a busy machine is no fault of the
// broker's, and it costs nothing while the broker is right.
const patience = 10 * time.Second

// Case is one conformance case: a rule, what of it is shown, and the play that shows it.
type Case struct {
	Version string // v31, v311 or v5
	ID      string // id of the normative statement, or a name of our own where the version has none (3.1)
	What    string // what is shown, in a few words
	run     func(t *T)
}

// Name is the name of the case's subtest: version, id and a slug of what is shown.
func (c Case) Name() string { return c.Version + "/" + c.ID + "/" + slug(c.What) }

func v31(id, what string, run func(t *T)) Case  { return Case{"v31", id, what, run} }
func v311(id, what string, run func(t *T)) Case { return Case{"v311", id, what, run} }
func v5(id, what string, run func(t *T)) Case   { return Case{"v5", id, what, run} }

// slug keeps the letters and digits of s and puts one dash for whatever stands between them.
func slug(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return strings.TrimSuffix(b.String(), "-")
}

// Run plays every case against the broker that start provides. Brokers are stopped when t ends.
func Run(t *testing.T, start Start) {
	hall := newHall(t, start)
	for _, c := range Cases() {
		t.Run(c.Name(), func(t *testing.T) {
			t.Parallel()
			c.run(newT(t, c, hall))
		})
	}
}

// T is what a case is given: the test, the version it speaks, and the broker it speaks to.
type T struct {
	*testing.T
	version byte // protocol level: 3, 4 or 5
	hall    *hall
	target  *Target // the broker; nil until first use
	n       uint64
}

// caseNumber makes ids and topics unique in a run.
var caseNumber atomic.Uint64

func newT(t *testing.T, c Case, h *hall) *T {
	level := map[string]byte{"v31": 3, "v311": 4, "v5": 5}[c.Version]
	return &T{T: t, version: level, hall: h, n: caseNumber.Add(1)}
}

// id returns a client identifier that is this case's own: at most 23 letters and digits, the same for the same name.
func (t *T) id(name string) string {
	s := fmt.Sprintf("%s%03x%s", t.hall.run, t.n, name)
	if len(s) > 23 {
		t.Fatalf("client id %q is longer than 23 characters", s)
	}
	return s
}

// topic returns a topic (or filter) below a level that is this case's own.
func (t *T) topic(path string) string { return t.root() + "/" + path }

// root is the case's own first level.
func (t *T) root() string { return fmt.Sprintf("%s-%03x", t.hall.run, t.n) }

// withConfig points the case at a broker with these settings; on a foreign broker the case is n/a.
func (t *T) withConfig(set func(s *Settings)) {
	t.Helper()
	var s Settings
	set(&s)
	if t.hall.foreign {
		t.na(fmt.Sprint("needs the setting ", s))
	}
	t.aim(s)
}

// aim points the case at the broker with these settings.
func (t *T) aim(s Settings) {
	target := t.hall.broker(t, s)
	t.target = &target
}

// at is the broker that the case speaks to: the one with the default settings, unless it asked for another.
func (t *T) at() Target {
	t.Helper()
	if t.target == nil {
		t.aim(Settings{})
	}
	return *t.target
}

// na ends the case as not applicable to the broker it is aimed at.
func (t *T) na(reason string) {
	t.Helper()
	if !t.hall.foreign {
		t.Fatalf("n/a is for foreign brokers only: %s", reason)
	}
	t.Skip("n/a: " + reason)
}

// equal fails the case unless got is want.
func (t *T) equal(what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s: got %s, want %s", what, show(got), show(want))
	}
}

// bytes fails the case unless got is want, shown in hex.
func (t *T) bytes(what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Fatalf("%s: got % X, want % X", what, got, want)
	}
}

func show(v any) string {
	switch v := v.(type) {
	case []byte:
		return fmt.Sprintf("% X", v)
	case byte:
		return fmt.Sprintf("%02X", v)
	}
	return fmt.Sprintf("%+v", v)
}
