package seglog

import (
	"cmp"
	"slices"
)

// delivery is an entry of a queue: a message on its way to a session.
type delivery struct {
	seq     uint64
	message uint64
	seg     uint32 // of its ENQ
	bits    uint32
}

// The bits of a delivery: what Recover has to tell about it, and above them, while the log is replayed, the number of its set of
// subscription identifiers.
const (
	bitsQoS      = 0x03
	bitsRetain   = 0x04
	bitsShared   = 0x08
	bitsReleased = 0x10
	bitsSetShift = 5
)

// deliveries is the queue of a session in ascending order of their numbers: a list of short ordered slices. Numbers come and go
// nearly in order, at its end and its front; but after a reclaim, replay meets whole runs of old ones after new ones.
type deliveries struct{ chunks [][]delivery }

const (
	chunkSize = 128 // 3 KiB, a size class
	chunkKept = 8   // room that an empty queue may keep
)

// find tells where a number is, or where it would be put. An empty queue has no chunk, or one that is empty.
func (q *deliveries) find(seq uint64) (chunk, at int, ok bool) {
	n := len(q.chunks)
	if n == 0 {
		return 0, 0, false
	}
	switch {
	case n == 1 || seq < q.chunks[1][0].seq:
	case seq >= q.chunks[n-1][0].seq:
		chunk = n - 1
	default: // the last one that does not begin behind it
		after, _ := slices.BinarySearchFunc(q.chunks, seq, func(c []delivery, seq uint64) int {
			if c[0].seq <= seq {
				return -1
			}
			return 1
		})
		chunk = after - 1
	}
	c := q.chunks[chunk]
	if len(c) == 0 || seq > c[len(c)-1].seq {
		return chunk, len(c), false
	}
	at, ok = slices.BinarySearchFunc(c, seq, func(d delivery, seq uint64) int { return cmp.Compare(d.seq, seq) })
	return chunk, at, ok
}

// get is the entry of a number, good until the queue changes; nil: there is none.
func (q *deliveries) get(seq uint64) *delivery {
	chunk, at, ok := q.find(seq)
	if !ok {
		return nil
	}
	return &q.chunks[chunk][at]
}

// insert puts an entry where find said that it would be.
func (q *deliveries) insert(chunk, at int, d delivery) {
	if len(q.chunks) == 0 {
		q.chunks = append(q.chunks, nil)
	}
	c := q.chunks[chunk]
	if len(c) < chunkSize {
		q.chunks[chunk] = slices.Insert(c, at, d)
		return
	}
	if at == len(c) { // a full one stays full
		next := append(make([]delivery, 0, chunkSize), d)
		q.chunks = slices.Insert(q.chunks, chunk+1, next)
		return
	}
	half := len(c) / 2
	next := append(make([]delivery, 0, chunkSize), c[half:]...)
	q.chunks[chunk] = c[:half]
	q.chunks = slices.Insert(q.chunks, chunk+1, next)
	if at > half {
		chunk, at = chunk+1, at-half
	}
	q.chunks[chunk] = slices.Insert(q.chunks[chunk], at, d)
}

// remove takes out the entry that find has found.
func (q *deliveries) remove(chunk, at int) {
	c := slices.Delete(q.chunks[chunk], at, at+1)
	q.chunks[chunk] = c
	switch {
	case len(c) > 0:
	case len(q.chunks) > 1:
		q.chunks = slices.Delete(q.chunks, chunk, chunk+1)
	case cap(c) > chunkKept:
		q.chunks = nil
	}
}

func (q *deliveries) len() (n int) {
	for _, c := range q.chunks {
		n += len(c)
	}
	return n
}

// all visits in ascending order, for as long as visit says so. The entries are good until the queue changes.
func (q *deliveries) all(visit func(*delivery) bool) {
	for _, c := range q.chunks {
		for i := range c {
			if !visit(&c[i]) {
				return
			}
		}
	}
}
