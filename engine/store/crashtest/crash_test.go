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
	length   = flag.Duration("crash.for", 6*time.Second, "how long rounds are run")
	seed     = flag.Uint64("crash.seed", 1, "the first seed")
	kinds    = flag.String("crash.kinds", "", "the kinds of rounds, with commas; all")
	wait     = flag.Duration("crash.patience", 0, "how long anything may take that is not told how long")
	once     = flag.Bool("crash.once", false, "tell the story of the first seed only")
	thorough = flag.Bool("crash.thorough", false, "let each operation fail in turn")
	images   = flag.Bool("crash.images", false, "also cut the power of mounted images, where that is possible")
)

func TestMain(m *testing.M) {
	if IsChild() {
		ChildMain(&Subject{Open: log})
	}
	flag.Parse()
	os.Exit(m.Run())
}

// child0 is this binary, which is a child when it is told so.
func child0() []string { return os.Args[:1] }

func log(o seglog.Options) store.Store { return seglog.New(o) }

func TestLogKeepsItsPromises(t *testing.T) {
	s := &Subject{Open: log, Dir: t.TempDir, Child: child0(), Patience: *wait, Thorough: *thorough}
	which := Kinds()
	if *kinds != "" {
		which = strings.Split(*kinds, ",")
	}
	if *images {
		if err := ImagesWork(); err != nil {
			t.Logf("%s: not run: %v", Images, err)
		} else {
			which = append(which, Images)
		}
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
	t.Logf("seeds from %d on\n%v", *seed, r)
	if n := len(r.Violations); n > 0 {
		t.Errorf("%d violations", n)
	}
	if r.Reclaimed == 0 && *kinds == "" {
		t.Error("no segment was reclaimed in all these rounds")
	}
}
