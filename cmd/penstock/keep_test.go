package main

import (
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// kept is a broker that tells of its store what a test says; nil: it has none.
type kept struct{ s *store.Stats }

func (k kept) StoreStats() (s store.Stats, ok bool) {
	if k.s == nil {
		return s, false
	}
	return *k.s, true
}

func TestAStartSaysWhatItHasFound(t *testing.T) {
	began := time.Unix(1000, 5e8)
	always := engine.Store{Path: "data", Sync: engine.SyncAlways}
	full := store.Recovery{Took: 1234567 * time.Microsecond, Frames: 1, Clean: true}
	with := func(change func(r *store.Recovery)) *store.Stats {
		r := full
		change(&r)
		return &store.Stats{Path: "/data", Sessions: 1, Messages: 2, Retained: 3, Recovery: r}
	}
	first := "penstock: state is kept in /data, sync always\n"
	found := "penstock: found 1 session, 2 messages and 3 retained messages in 1.235s\n"
	for name, tt := range map[string]struct {
		config engine.Store
		stats  *store.Stats
		want   string
	}{
		"no store":  {engine.Store{}, nil, "penstock: state is kept in memory and ends with the process\n"},
		"a new one": {always, &store.Stats{Path: "/data"}, first},
		"every now and then": {engine.Store{Path: "data", Sync: engine.SyncInterval, Interval: time.Second}, &store.Stats{Path: "/da\x1bta"},
			"penstock: state is kept in \"/da\\x1bta\", sync interval, every 1s\n"},
		"one that was closed": {always, with(func(*store.Recovery) {}), first + found},
		"one with a torn end": {always, with(func(r *store.Recovery) { r.Clean, r.TornBytes = false, 312 }), first + found +
			"penstock: the process before has not closed its store; 312 B of a commit that was not finished were cut off\n"},
		"one that is damaged": {always, with(func(r *store.Recovery) {
			r.Holes = []store.Hole{{Found: time.Unix(1000, 0)}, {Found: time.Unix(999, 0)}}
		}), first + found +
			"penstock: DAMAGE: 1 part of the store could not be read; `penstock store status /data` tells what was lost\n"},
		"one that was healed": {always, with(func(r *store.Recovery) { r.Holes = []store.Hole{{Found: time.Unix(999, 0)}} }), first + found +
			"penstock: 1 part of the store was found damaged before; `penstock store status /data` tells what was lost\n"},
	} {
		var out strings.Builder
		announceStore(&out, tt.config, kept{tt.stats}, began)
		if out.String() != tt.want {
			t.Errorf("%s:\n got %q\nwant %q", name, out.String(), tt.want)
		}
	}
}
