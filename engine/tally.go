package engine

import "sync/atomic"

// tally counts what happens for every packet. An atomic store per packet would cost more than all else there is to
// count, so the loop adds to a number of its own, and others see what was settled: at the end of a pass, and each tick.
type tally struct {
	n uint64
	v atomic.Uint64
}

func (t *tally) add(n uint64) { t.n += n }

func (t *tally) settle() {
	if t.v.Load() != t.n {
		t.v.Store(t.n)
	}
}

// traffic is what a loop's connections send and are sent.
type traffic struct {
	packetsIn, packetsOut [16]tally // by type
	publishIn, publishOut [3]tally  // by QoS
	bytesIn, bytesOut     tally
	payloadIn, payloadOut tally
	writes                tally
	busy                  tally // nanoseconds spent in the handler
}

func (t *traffic) settle() {
	for i := range t.packetsIn {
		t.packetsIn[i].settle()
		t.packetsOut[i].settle()
	}
	for i := range t.publishIn {
		t.publishIn[i].settle()
		t.publishOut[i].settle()
	}
	for _, t := range [...]*tally{&t.bytesIn, &t.bytesOut, &t.payloadIn, &t.payloadOut, &t.writes, &t.busy} {
		t.settle()
	}
}
