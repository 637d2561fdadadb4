package engine

import (
	"encoding/binary"
	"time"
)

// The tree of retained messages is one for all loops, and the order in which they change it is not that in which their
// batches come to the store. So a loop only notes which topics it has changed. When it hands its batch over it writes
// down what the tree holds of them at that moment, one loop at a time: whoever changed a topic last writes after that, and
// the last record of a topic is what the tree holds.

// retainedNotes are the topics that a loop has changed in this pass, each once.
type retainedNotes struct {
	topics []string
	known  map[string]struct{}
	bytes  int // what they will take in the batch, about
}

// maxNotes is the largest set that is kept for the next pass.
const maxNotes = 1024

func (n *retainedNotes) add(topic []byte) {
	if _, ok := n.known[string(topic)]; ok {
		return
	}
	if n.known == nil {
		n.known = map[string]struct{}{}
	}
	t := string(topic)
	n.known[t] = struct{}{}
	n.topics = append(n.topics, t)
}

func (n *retainedNotes) reset() {
	if len(n.topics) > maxNotes {
		*n = retainedNotes{}
		return
	}
	clear(n.known)
	clear(n.topics)
	n.topics, n.bytes = n.topics[:0], 0
}

// noteRetained has the retained message of a topic, of which the value is so large, or that there is none, recorded with the
// present batch. It comes before the change, so that nobody sees that and takes it for committed.
func (l *loop) noteRetained(topic []byte, value int) bool {
	if !l.stores() {
		return false
	}
	n := &l.hold.retained
	if len(n.topics) == 0 {
		l.b.unsettled.Add(1)
	}
	n.add(topic)
	n.bytes += len(topic) + value
	return true
}

// unretain takes the retained message of a topic away. Where there is none, that may be because of somebody who is not
// acknowledged yet.
func (l *loop) unretain(topic []byte) (stored bool) {
	if _, had := l.b.retained.Get(topic, l.value[:0]); had || l.b.unsettled.Load() > 0 {
		stored = l.noteRetained(topic, 0)
	}
	l.b.retained.Delete(topic)
	return stored
}

// appendRetained completes a batch and hands it over. The lock is held around that, outside of the tree's and the
// store's own: it is what makes the order of batches that of the looks at the tree.
func (l *loop) appendRetained(f *flight, done func(error)) (committed bool) {
	h := &l.hold
	l.b.retaining.Lock()
	defer l.b.retaining.Unlock()
	for _, topic := range h.retained.topics {
		t := append(l.topic[:0], topic...)
		v, ok := l.b.retained.Get(t, l.value[:0])
		if ok && !l.overdue(v) {
			m := l.b.storedRetained(t, v, l.now)
			f.batch.Retain(&m)
		} else {
			f.batch.Unretain(t)
		}
		l.topic, l.value = t[:0], v[:0]
	}
	h.retained.reset()
	return h.store.Append(f.batch, done)
}

// overdue tells whether a value in the tree has expired; see retainedValue.
func (l *loop) overdue(v []byte) bool {
	expires := time.Duration(binary.BigEndian.Uint64(v[1:]))
	return expires != 0 && l.now >= expires
}
