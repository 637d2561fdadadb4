package crashtest

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
)

// scripts/long.sh has more time than a check.
var (
	length = flag.Duration("crash.for", 8*time.Second, "how long rounds are run")
	seed   = flag.Uint64("crash.seed", 1, "the first seed")
	kinds  = flag.String("crash.kinds", "", "the kinds of rounds, with commas; all")
	wait   = flag.Duration("crash.patience", 0, "how long anything may take that is not told how long")
	once   = flag.Bool("crash.once", false, "tell the story of the first seed only")
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(m.Run())
}

func log(o seglog.Options) store.Store { return seglog.New(o) }

func TestLogKeepsItsPromises(t *testing.T) {
	s := &Subject{Open: log, Dir: t.TempDir, Patience: *wait}
	which := Kinds()
	if *kinds != "" {
		which = strings.Split(*kinds, ",")
	}
	if *once {
		for _, kind := range which {
			if err := Round(s, kind, *seed); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
		}
		return
	}
	r := Run(s, which, *seed, 3, *length)
	t.Log("\n" + r.String())
	for _, v := range r.Violations {
		t.Errorf("%v", v)
	}
}
