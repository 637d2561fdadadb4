package seglog

import (
	"sync"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// loader is what was asked for by Load and is not answered yet.
type loader struct {
	mu     sync.Mutex
	loads  []*load // not looked at yet, or again
	parked []*load // that wait for a commit
	closed bool
	wake   chan struct{} // of capacity 1
}

// load is one call of Load.
type load struct {
	refs  []store.Ref
	done  func([]store.Message, error)
	out   []store.Message
	next  int    // of refs
	after uint64 // jobs that were appended before it
}

// load takes a request; false once nothing is loaded any more.
func (c *committer) load(refs []store.Ref, done func([]store.Message, error)) bool {
	l := &load{refs: refs, done: done, out: make([]store.Message, len(refs))}
	c.queue.mu.Lock()
	l.after = c.queue.put
	c.queue.mu.Unlock()
	c.loader.mu.Lock()
	defer c.loader.mu.Unlock()
	if c.loader.closed {
		return false
	}
	c.loader.loads = append(c.loader.loads, l)
	c.loader.poke()
	return true
}

func (o *loader) poke() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// resumeLoads lets those go on that waited for a commit.
func (c *committer) resumeLoads() {
	o := &c.loader
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.parked) > 0 {
		o.loads, o.parked = append(o.parked, o.loads...), nil
		o.poke()
	}
}

// serveLoads is the loader's goroutine.
func (c *committer) serveLoads() {
	for {
		select {
		case <-c.quit:
			c.refuseLoads()
			return
		case <-c.loader.wake:
		}
		for l := c.loader.first(); l != nil; l = c.loader.first() {
			c.answer(l)
		}
	}
}

// refuseLoads answers what is left at the end.
func (c *committer) refuseLoads() {
	o := &c.loader
	o.mu.Lock()
	left := append(o.parked, o.loads...)
	o.loads, o.parked, o.closed = nil, nil, true
	o.mu.Unlock()
	for _, l := range left {
		l.done(nil, store.ErrClosed)
	}
}

func (o *loader) first() *load {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.loads) == 0 {
		return nil
	}
	l := o.loads[0]
	o.loads[0] = nil
	o.loads = o.loads[1:]
	return l
}

// answer reads what a load asks for, or parks it until the next commit.
func (c *committer) answer(l *load) {
	for ; l.next < len(l.refs); l.next++ {
		found, err := c.find(l, l.refs[l.next])
		switch {
		case err != nil:
			l.done(nil, err)
			return
		case found == parked:
			return
		}
	}
	c.mu.Lock()
	c.stats.Loads++
	c.mu.Unlock()
	l.done(l.out, nil)
}

// outcome is what became of one message that was asked for.
type outcome uint8

const (
	answered outcome = iota
	parked
)

// find reads one message into the answer. One that is in the frame being written, or may be in a batch that was appended before
// the load and is not in a frame yet, is worth waiting for. While batches wait for room, it is known which messages they have.
func (c *committer) find(l *load, ref store.Ref) (outcome, error) {
	c.mu.Lock()
	at, ok := c.x.message(uint64(ref))
	s := c.x.segment(at.seg)
	written := ok && s != nil && int64(at.off) < s.size
	switch {
	case written:
		c.hold(s)
	case ok || c.landed < l.after && !c.early.isNowhere(uint64(ref), l.after):
		if err := c.stopped(); err != nil {
			c.mu.Unlock()
			return answered, err
		}
		c.park(l)
		c.mu.Unlock()
		return parked, nil
	}
	c.mu.Unlock()
	if !written {
		return answered, nil
	}
	m, err := readMessage(s, at)
	c.mu.Lock()
	c.unhold(s)
	c.mu.Unlock()
	if err != nil {
		return answered, err
	}
	if m.ID != uint64(ref) { // it was damaged since it was written
		c.o.Logger.Error("a stored message cannot be read", "file", s.path, "offset", at.off, "message", uint64(ref))
		m = store.Message{}
	}
	l.out[l.next] = m
	return answered, nil
}

// park keeps a load until the next commit; mu is held, so that the commit comes after.
func (c *committer) park(l *load) {
	c.loader.mu.Lock()
	defer c.loader.mu.Unlock()
	c.loader.parked = append(c.loader.parked, l)
}

// readMessage reads the message at a place into memory of its own; one without ID is none.
func readMessage(s *segment, at place) (store.Message, error) {
	b := make([]byte, at.len)
	if err := readFull(s.file, b, int64(at.off)); err != nil {
		return store.Message{}, err
	}
	var r store.Record
	if _, err := store.Decode(b, &r); err != nil || r.Kind != store.MSG {
		return store.Message{}, nil
	}
	return r.Message, nil
}
