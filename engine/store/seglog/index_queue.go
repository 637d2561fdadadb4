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
// nearly in order, at its end and its front; but after a reclaim, replay meets whole runs of old ones after new ones. Most queues are
// one slice.
type deliveries struct {
	head []delivery
	more [][]delivery // behind it; none of them is empty
}

const (
	chunkSize = 128 // 3 KiB, a size class
	chunkKept = 8   // room that an empty queue may keep
)

// spot is where a number is in a queue, or where it would be put.
type spot struct {
	chunk int // -1: head
	at    int
}

func (q *deliveries) chunk(i int) *[]delivery {
	if i < 0 {
		return &q.head
	}
	return &q.more[i]
}

// find tells where a number is, or where it would be put.
func (q *deliveries) find(seq uint64) (where spot, ok bool) {
	where.chunk = -1
	if n := len(q.more); n > 0 && seq >= q.more[0][0].seq {
		where.chunk = n - 1
		if seq < q.more[n-1][0].seq { // the last one that does not begin behind it
			where.chunk, _ = slices.BinarySearchFunc(q.more, seq, func(c []delivery, seq uint64) int {
				if c[0].seq <= seq {
					return -1
				}
				return 1
			})
			where.chunk--
		}
	}
	c := *q.chunk(where.chunk)
	if n := len(c); n == 0 || seq > c[n-1].seq {
		where.at = n
		return where, false
	}
	where.at, ok = slices.BinarySearchFunc(c, seq, func(d delivery, seq uint64) int { return cmp.Compare(d.seq, seq) })
	return where, ok
}

// get is the entry of a number, good until the queue changes; nil: there is none.
func (q *deliveries) get(seq uint64) *delivery {
	if where, ok := q.find(seq); ok {
		return q.entry(where)
	}
	return nil
}

// entry is the one that find has found.
func (q *deliveries) entry(where spot) *delivery { return &(*q.chunk(where.chunk))[where.at] }

// insert puts an entry where find said that it would be.
func (q *deliveries) insert(where spot, d delivery) {
	c := q.chunk(where.chunk)
	if len(*c) < chunkSize {
		*c = slices.Insert(*c, where.at, d)
		return
	}
	next := make([]delivery, 0, chunkSize)
	switch half := len(*c) / 2; {
	case where.at == len(*c): // a full one stays full
		next = append(next, d)
	case where.at > half:
		next = slices.Insert(append(next, (*c)[half:]...), where.at-half, d)
		*c = (*c)[:half]
	default:
		next = append(next, (*c)[half:]...)
		*c = slices.Insert((*c)[:half], where.at, d)
	}
	q.more = slices.Insert(q.more, where.chunk+1, next)
}

// remove takes out the entry that find has found.
func (q *deliveries) remove(where spot) {
	c := q.chunk(where.chunk)
	*c = slices.Delete(*c, where.at, where.at+1)
	switch {
	case len(*c) > 0:
	case where.chunk >= 0:
		q.more = slices.Delete(q.more, where.chunk, where.chunk+1)
	case len(q.more) > 0:
		q.head = q.more[0]
		q.more = slices.Delete(q.more, 0, 1)
	case cap(*c) > chunkKept:
		q.head, q.more = nil, nil
	}
}

func (q *deliveries) len() int {
	n := len(q.head)
	for _, c := range q.more {
		n += len(c)
	}
	return n
}

// all visits in ascending order, for as long as visit says so. The entries are good until the queue changes.
func (q *deliveries) all(visit func(*delivery) bool) {
	for chunk := -1; chunk < len(q.more); chunk++ {
		c := *q.chunk(chunk)
		for i := range c {
			if !visit(&c[i]) {
				return
			}
		}
	}
}
