package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// storePlace is where a process opens its store, as another process can find it; empty: nowhere.
func storePlace(c engine.Store) (string, error) {
	if c.Path == "" {
		return "", nil
	}
	return filepath.Abs(c.Path)
}

// announceStore says where state is kept and what was found there by a process that has begun then.
func announceStore(out io.Writer, c engine.Store, b interface{ StoreStats() (store.Stats, bool) }, began time.Time) {
	s, ok := b.StoreStats()
	if !ok {
		fmt.Fprintln(out, "penstock: state is kept in memory and ends with the process")
		return
	}
	sync := string(c.Sync)
	if c.Sync == engine.SyncInterval {
		sync += ", every " + c.Interval.String()
	}
	fmt.Fprintf(out, "penstock: state is kept in %s, sync %s\n", shown(s.Path), sync)
	r := &s.Recovery
	if r.Frames == 0 && len(r.Holes) == 0 {
		return // it is new
	}
	fmt.Fprintf(out, "penstock: found %s, %s and %s in %s\n", several(s.Sessions, "session"), several(s.Messages, "message"),
		several(s.Retained, "retained message"), r.Took.Round(time.Millisecond))
	if r.TornBytes > 0 {
		fmt.Fprintf(out, "penstock: the process before has not closed its store; %s of a commit that was not finished were cut off\n",
			size(float64(r.TornBytes)))
	}
	if now, earlier := holes(r, began); now > 0 {
		fmt.Fprintf(out, "penstock: DAMAGE: %s of the store could not be read; `penstock store status %s` tells what was lost\n",
			several(now, "part"), shown(s.Path))
	} else if earlier > 0 {
		fmt.Fprintf(out, "penstock: %s of the store was found damaged before; `penstock store status %s` tells what was lost\n",
			several(earlier, "part"), shown(s.Path))
	}
}

// holes counts what this start has found damaged, and those before it.
func holes(r *store.Recovery, began time.Time) (now, earlier int) {
	for i := range r.Holes {
		if r.Holes[i].Found.Unix() < began.Unix() {
			earlier++
		} else {
			now++
		}
	}
	return now, earlier
}

// several is a number with its noun.
func several(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		return fmt.Sprintf("%d %sies", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
