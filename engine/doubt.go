package engine

import (
	"sync"
	"sync/atomic"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// doubtful are the clients whose session has ended here and may not have in the store, because the commit failed: it would
// rise again behind the CONNACK of the next one. They are refused until a process begins with a store that works.
type doubtful struct {
	n  atomic.Int64
	mu sync.Mutex
	m  map[string]struct{}
}

func (d *doubtful) add(ids []string) {
	if len(ids) == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.m == nil {
		d.m = map[string]struct{}{}
	}
	for _, id := range ids {
		d.m[id] = struct{}{}
	}
	d.n.Store(int64(len(d.m)))
}

func (d *doubtful) has(id string) bool {
	if d.n.Load() == 0 {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.m[id]
	return ok
}

// unkept tells whether what is said about a session now cannot be kept: it is a stored one, and the store has failed.
func (l *loop) unkept(s *sess) bool { return s.ID != 0 && l.pressure() == store.Failed }

// whyRefused tells clients what they cannot help.
const (
	whyStoreFailed = "the store has failed"
	whyStoreFull   = "the store has no room"
	whyQueueFull   = "a client that the message is for has a full queue"
)
