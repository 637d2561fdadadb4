package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// A storm of connections leaves garbage behind: a TLS handshake makes several times of what its connection keeps. Go
// collects when as much as is live was allocated anew, and a broker whose hot path allocates nothing may take hours to do
// that. So the program looks now and then: when it is quiet and much of its memory is garbage, or is the system's to have
// back, it collects and returns it.

const (
	memoryLook  = time.Second
	memoryRest  = 20 * time.Second // after a collection of ours
	memoryWorth = 4 << 20          // below that nobody minds

	// Garbage that lies between what lives on leaves holes, which are not given back. So above a few MB Go collects when a
	// third of what is live was allocated, not as much again: 5,000 TLS connections then took 9.4 KB each, not 10.6. It
	// costs a broker under load nothing, since its hot path allocates nothing.
	memoryLarge  = 8 << 20
	percentLarge = 33
	percentSmall = 100
)

// memoryUse is what one look sees.
type memoryUse struct {
	allocated uint64 // since the start, bytes
	live      uint64 // after the last collection
	garbage   uint64 // objects that came since, at most
	idle      uint64 // free and not returned
}

// quiet tells whether hardly anything was allocated since the look before.
func (m memoryUse) quiet(before memoryUse) bool {
	return m.allocated-before.allocated <= max(m.live/16, 1<<20)
}

// worth tells whether a collection would give much back.
func (m memoryUse) worth() bool { return m.garbage+m.idle > max(m.live/8, memoryWorth) }

// percent is how much may be allocated before the next collection, as a share of what is live.
func (m memoryUse) percent(present int) int {
	switch {
	case m.live >= memoryLarge:
		return percentLarge
	case m.live < memoryLarge/2:
		return percentSmall
	}
	return present
}

type memoryMeter struct{ samples []metrics.Sample }

func newMemoryMeter() *memoryMeter {
	names := []string{"/gc/heap/allocs:bytes", "/gc/heap/live:bytes", "/memory/classes/heap/objects:bytes", "/memory/classes/heap/free:bytes"}
	m := &memoryMeter{}
	for _, n := range names {
		m.samples = append(m.samples, metrics.Sample{Name: n})
	}
	return m
}

func (m *memoryMeter) look() memoryUse {
	metrics.Read(m.samples)
	value := func(i int) uint64 {
		if m.samples[i].Value.Kind() != metrics.KindUint64 {
			return 0
		}
		return m.samples[i].Value.Uint64()
	}
	u := memoryUse{allocated: value(0), live: value(1), idle: value(3)}
	if objects := value(2); objects > u.live {
		u.garbage = objects - u.live
	}
	return u
}

// tidyMemory returns memory after storms, until ctx ends.
func tidyMemory(ctx context.Context) {
	meter := newMemoryMeter()
	before := meter.look()
	percent := percentSmall
	_, told := os.LookupEnv("GOGC") // then it is the operator's
	last := time.Now().Add(-memoryRest)
	tick := time.NewTicker(memoryLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := meter.look()
		if want := now.percent(percent); want != percent && !told {
			percent = want
			debug.SetGCPercent(percent)
		}
		if now.quiet(before) && now.worth() && time.Since(last) >= memoryRest {
			debug.FreeOSMemory()
			now, last = meter.look(), time.Now()
		}
		before = now
	}
}
