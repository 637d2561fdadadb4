package engine

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-mqtt/penstock/engine/internal/session"
	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/trie"
)

// recovery rebuilds the broker from its store, before anybody is served. Records come session by session. A session that is
// whole goes to its loop, many at a time, which installs it while the next are read.
type recovery struct {
	b        *Broker
	outlines map[uint64]outline // of messages
	x        *restored          // the session whose records come now
	queue    []session.Stored   // its queue, as far as it is known
	ready    [][]*restored      // whole sessions, by loop
	later    []*restored        // sessions of the process before: they are installed when all its messages are known
	posted   sync.WaitGroup     // lists of sessions that are being installed
	n        int                // sessions
	over     int                // exchanges that cannot have been open
	parted   bool               // another process has handed over to this one
	handed   map[uint64]*store.Message
	again    bool                             // what it has handed over may have been sent: it is of its store
	old      struct{ sessions, retained int } // of our store, when there is a process before
	time     timeline
}

// outline is what is known of a message that is in the store only.
type outline struct{ size, expires uint32 } // expires as in session.Stored

// installAtOnce is how many sessions a loop installs in one pass.
const installAtOnce = 256

// recover reads the whole state, of the store and of the process before, and gives it to the loops.
func (b *Broker) recover() error {
	if b.parts.Store == nil && b.parts.State == nil {
		return nil
	}
	b.onLoops(func(l *loop) { // nothing ends before all is there, and nothing is appended to a store that is being read
		l.frozen, l.hold.shut = true, l.stores()
	})
	r := &recovery{b: b, parted: b.parts.State != nil, outlines: map[uint64]outline{}, ready: make([][]*restored, len(b.loops))}
	if s := b.parts.Store; s != nil {
		b.opened = true
		if err := s.Recover(b.ctx, r.record); err != nil {
			return fmt.Errorf("store: %w", err)
		}
		r.install()
		r.doubt()
		b.onLoops(func(l *loop) { l.hold.shut = false })
	}
	if r.parted {
		r.old.sessions, r.old.retained = r.n, b.retained.Len()
		if err := r.takeOver(b.parts.State); err != nil {
			return err
		}
	}
	r.install()
	r.beginClock()
	b.ids.Store((b.ids.Load()/idBlock + 1) * idBlock)
	if b.parts.Store != nil {
		marked := make(chan struct{})
		b.loops[0].post(func(l *loop) { l.markIDs(b.ids.Load() + idBlock); close(marked) })
		<-marked
	}
	if r.over > 0 {
		b.log.Warn("exchanges that cannot have been open at once: the older are over", "exchanges", r.over)
	}
	for _, l := range b.loops {
		l.post(func(l *loop) {
			l.fetched, l.frozen = nil, false
			l.writeDown()
			l.settleEstates()
			l.absent.order(l.tick)
			if r.n > 0 {
				l.grace = l.now + offlineGrace
			}
		})
	}
	b.log.Info("state recovered", "sessions", r.n, "retained", b.retained.Len(), "subscriptions", b.subscriptions.Load())
	return nil
}

// record takes up one record.
func (r *recovery) record(rec *store.Record) error {
	r.retime(rec)
	switch rec.Kind {
	case store.META:
		r.meta(string(rec.Key), rec.Value)
	case store.RET:
		return r.retained(&rec.Message)
	case store.MSG:
		return r.message(&rec.Message)
	case store.SES:
		r.finish()
		return r.session(&rec.Session)
	case store.ENQ:
		for i := range rec.Deliveries {
			d := &rec.Deliveries[i]
			if err := r.of(d.Session, func(x *restored) error { return r.delivery(x, rec.Message.ID, d) }); err != nil {
				return err
			}
		}
	case store.SUB:
		return r.of(rec.Session.ID, func(x *restored) error { return r.subscription(x, &rec.Subscription) })
	case store.QIN:
		return r.of(rec.Session.ID, func(x *restored) error { x.receiver().Restore(rec.PacketID); return nil })
	case store.REL:
		return r.of(rec.Session.ID, func(x *restored) error { return r.released(x, rec.Seq) })
	}
	return nil // a kind that says nothing to the engine
}

// of takes up a record of the session whose records come now.
func (r *recovery) of(id uint64, do func(x *restored) error) error {
	if r.x == nil || r.x.name != id {
		return fmt.Errorf("a record of session %d, which does not exist or has come before", id)
	}
	return do(r.x)
}

// message notes what has to be known of a message without reading it.
func (r *recovery) message(m *store.Message) error {
	if len(m.Topic) > 0 && !trie.ValidName(m.Topic) {
		return fmt.Errorf("message %d has the topic %q", m.ID, m.Topic)
	}
	raise(&r.b.ids, m.ID)
	if r.handed != nil {
		r.handed[m.ID] = &store.Message{
			ID: m.ID, Topic: clone(m.Topic), Props: clone(m.Props), Payload: clone(m.Payload), QoS: m.QoS, Retain: m.Retain, Expiry: m.Expiry,
		}
		return nil
	}
	w := outline{size: sizeOf(m)}
	if m.Expiry.Left > 0 {
		w.expires = uint32(min(max((r.b.deadline(m.Expiry)+time.Second-1)/time.Second, 1), 1<<32-1))
	}
	r.outlines[m.ID] = w
	return nil
}

// sizeOf is what a message counts for in a queue.
func sizeOf(m *store.Message) uint32 { return uint32(len(m.Topic) + len(m.Props) + len(m.Payload)) }

// meta takes up a note of the broker's, or of the process before.
func (r *recovery) meta(key string, value []byte) {
	switch mark, n := binary.Uvarint(value); {
	case key == clockMark:
		r.clock(value)
	case r.handed != nil:
		r.note(key, value)
	case key == idMark && n > 0:
		raise(&r.b.ids, mark)
	}
}

// note takes up what goes along in a hand-over alone.
func (r *recovery) note(key string, value []byte) {
	if title, ok := strings.CutPrefix(key, ticketMeta); ok {
		r.b.takeTickets(title, value)
		return
	}
	if title, ok := strings.CutPrefix(key, fileMeta); ok {
		for _, lst := range r.b.listeners {
			lst.ownsFile = lst.ownsFile || lst.title == title
		}
		return
	}
	named := func(prefix string) *restored {
		name, ok := strings.CutPrefix(key, prefix)
		if id, n := binary.Uvarint([]byte(name)); ok && n > 0 && r.x != nil && r.x.name == id {
			return r.x
		}
		return nil
	}
	if x := named(sentMeta); x != nil {
		x.sent, _ = binary.Uvarint(value)
	}
	if x := named(ownerMeta); x != nil && len(value) > 0 {
		r.owner(x.s, value[0]&ownerSuperuser != 0, string(value[1:]))
	}
}

func raise(v *atomic.Uint64, to uint64) {
	if v.Load() < to {
		v.Store(to)
	}
}

func (r *recovery) retained(m *store.Message) error {
	if !trie.ValidName(m.Topic) {
		return fmt.Errorf("a retained message has the topic %q", m.Topic)
	}
	expires := time.Duration(0)
	if m.Expiry.Left > 0 {
		expires = max(r.b.deadline(m.Expiry), 1)
	}
	v := retainedValue(nil, m.QoS, expires, m.Props, m.Payload)
	r.b.retained.Set(m.Topic, v)
	return nil
}

func clone(b []byte) []byte { return append([]byte(nil), b...) }
