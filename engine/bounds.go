package engine

import (
	"slices"
	"sync/atomic"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/internal/session"
	"github.com/penstock-mqtt/penstock/fanout"
)

// Queues are bounded one by one, and all of them together. Each loop counts what its own hold, and looks at what the
// others' do: at each tick, and for each message once little is missing, an eighth and 1,024 messages or 1 MiB. So all of
// them together hold no more than is allowed and what the other loops take in the pass that they are in; or in a tick, if
// they take more than an eighth in that.

// backlog is what queues hold. A message counts for each queue that it is in.
type backlog struct{ messages, bytes int64 }

func (b *backlog) add(d *session.Delivery) {
	b.messages++
	b.bytes += int64(d.Size)
}

func (b *backlog) sub(d *session.Delivery) {
	b.messages--
	b.bytes -= int64(d.Size)
}

// more and less count a queue as a whole, before and after what changes a lot of it.
func (b *backlog) more(s *sess) {
	b.messages += int64(s.Queue.Len())
	b.bytes += int64(s.Queue.Bytes())
}

func (b *backlog) less(s *sess) {
	b.messages -= int64(s.Queue.Len())
	b.bytes -= int64(s.Queue.Bytes())
}

// enqueue keeps a message until the window opens or the client comes back, within the bounds.
func (l *loop) enqueue(s *sess, d *session.Delivery) {
	if !l.makeRoom(s, d) {
		return
	}
	l.keep(d.Msg)
	s.Queue.Push(*d)
	l.backlog.add(d)
	l.setBusy(s, true)
	if l.live.Session.QueuePolicy == Refuse {
		l.noteFull(s)
	}
}

// dequeue takes the oldest message off a queue.
func (l *loop) dequeue(s *sess) session.Delivery {
	d := s.Queue.Pop()
	l.backlog.sub(&d)
	return d
}

// filterQueue keeps what keep says of a queue; the rest is keep's to release.
func (l *loop) filterQueue(s *sess, keep func(d *session.Delivery) bool) {
	l.backlog.less(s)
	s.Queue.Filter(keep)
	l.backlog.more(s)
	l.noteRoom(s)
}

// makeRoom has messages give way by the policy. False: it is the new one that does. What was stored of those that go is
// over there too.
func (l *loop) makeRoom(s *sess, d *session.Delivery) bool {
	for {
		why, full := l.tooMuch(s, d)
		if !full {
			return true
		}
		l.dropped(why)
		newest := l.live.Session.QueuePolicy != DropOldest
		if why == DropTotalFull {
			l.notice(noticeTotalFull, "client", s.ClientID)
			// The others leave it no room, even without all that is before it. They may do so by now: nothing is before it in an
			// empty queue in any case.
			newest = newest || s.Queue.Len() == 0 || l.beyond(backlog{1 - int64(s.Queue.Len()), int64(d.Size) - int64(s.Queue.Bytes())})
		}
		if newest {
			l.storeAck(s, d.Seq)
			return false
		}
		old := l.dequeue(s)
		l.storeAck(s, old.Seq)
		l.release(&old.Open)
	}
}

// tooMuch tells whether a queue, or all of them together, have no room for a message.
func (l *loop) tooMuch(s *sess, d *session.Delivery) (why Drop, full bool) {
	bounds := &l.live.Session
	var more backlog // than is allowed
	if bounds.QueuePolicy == Refuse && d.QoS > 0 {
		more = underWay
	}
	n, size := int64(s.Queue.Len()), int64(s.Queue.Bytes())
	if n >= int64(bounds.MaxQueuedMessages)+more.messages || n > 0 && size+int64(d.Size) > int64(bounds.MaxQueuedBytes)+more.bytes {
		return DropQueueFull, true
	}
	return DropTotalFull, l.beyond(backlog{1 - more.messages, int64(d.Size) - more.bytes})
}

// underWay is what a queue takes beyond its bounds where publishers are refused: messages that were on their way when it
// became full, which may be acknowledged already, and wills, whose publishers are gone.
var underWay = backlog{1 << 16, 64 << 20}

// beyond tells whether all queues together would hold more than is allowed with so much more.
func (l *loop) beyond(more backlog) bool {
	n, size := int64(l.live.Session.MaxTotalQueuedMessages), int64(l.live.Session.MaxTotalQueuedBytes)
	if n == 0 && size == 0 {
		return false
	}
	all := l.allQueued()
	if n > 0 && all.messages > n-n/8-littleMessages || size > 0 && all.bytes > size-size/8-littleBytes {
		l.lookAround()
		all = l.allQueued()
	}
	return n > 0 && all.messages+more.messages > n || size > 0 && all.bytes+more.bytes > size
}

// With less than an eighth and so much more left of a bound, the others are asked for each message.
const (
	littleMessages = 1024
	littleBytes    = 1 << 20
)

// allQueued is what the queues of all loops hold, as far as is known here.
func (l *loop) allQueued() backlog {
	return backlog{l.backlog.messages + l.elsewhere.messages, l.backlog.bytes + l.elsewhere.bytes}
}

// lookAround asks the other loops what their queues hold.
func (l *loop) lookAround() {
	l.elsewhere = backlog{}
	for _, o := range l.b.loops {
		if o != l {
			l.elsewhere.messages += int64(o.count.queued.v.Load())
			l.elsewhere.bytes += int64(o.count.queuedBytes.v.Load())
		}
	}
}

// fullness is which queues have no room, for publishers to be refused. It is looked at under that policy only.
type fullness struct {
	queues atomic.Int64 // so many sessions have fanout.SlotFull
	all    atomic.Bool  // all queues together are full
}

// noteFull tells publishers that a queue has become full.
func (l *loop) noteFull(s *sess) {
	bounds := &l.live.Session
	if s.Queue.Len() >= bounds.MaxQueuedMessages || int64(s.Queue.Bytes()) >= int64(bounds.MaxQueuedBytes) {
		l.setFull(s, true)
	}
	if !l.b.full.all.Load() && l.beyond(backlog{1, 1}) {
		l.b.full.all.Store(true)
	}
}

// noteRoom tells publishers that a queue has room again: an eighth of it, so that it is not for one message each time.
func (l *loop) noteRoom(s *sess) {
	if l.b.full.queues.Load() == 0 {
		return
	}
	bounds := &l.live.Session
	n, size := bounds.MaxQueuedMessages, int64(bounds.MaxQueuedBytes)
	if bounds.QueuePolicy != Refuse || s.Queue.Len() < n-n/8 && int64(s.Queue.Bytes()) < size-size/8 {
		l.setFull(s, false)
	}
}

func (l *loop) setFull(s *sess, full bool) {
	switch was := l.b.slots.Flags(s.Slot)&fanout.SlotFull != 0; {
	case was == full:
	case full:
		l.b.slots.SetFlags(s.Slot, fanout.SlotFull, 0)
		l.b.full.queues.Add(1)
	default:
		l.b.slots.SetFlags(s.Slot, 0, fanout.SlotFull)
		l.b.full.queues.Add(-1)
	}
}

// weighQueues looks at the queues of the others and, when all together have room again, tells publishers so.
func (l *loop) weighQueues() {
	l.lookAround()
	if !l.b.full.all.Load() {
		return
	}
	bounds := &l.live.Session
	eighth := backlog{int64(bounds.MaxTotalQueuedMessages) / 8, int64(bounds.MaxTotalQueuedBytes) / 8}
	if bounds.QueuePolicy != Refuse || !l.beyond(backlog{eighth.messages + 1, eighth.bytes + 1}) {
		l.b.full.all.Store(false)
	}
}

// overfull refuses a PUBLISH above QoS 0 that would go to a full queue, if that is the policy.
func (l *loop) overfull(c *conn, p *mqtt.Publish, plan *fanout.Plan) bool {
	if p.QoS == 0 || l.live.Session.QueuePolicy != Refuse || !l.wouldOverfill(c.sess, plan) {
		return false
	}
	l.notice(noticeQueueRefused, "client", c.sess.ClientID)
	l.turnAway(c, p, DropQueueRefused, whyQueueFull)
	return true
}

// wouldOverfill tells whether a message would go to a full queue or, when all of them together are full, to any. A shared
// subscription has one only when no member has another.
func (l *loop) wouldOverfill(s *sess, plan *fanout.Plan) bool {
	full := &l.b.full
	all := full.all.Load()
	if !all && full.queues.Load() == 0 {
		return false
	}
	overfills := func(t fanout.Target) bool {
		flags := l.b.slots.Flags(t.Slot)
		waits := flags&(fanout.SlotOnline|fanout.SlotBusy) != fanout.SlotOnline
		return t.QoS > 0 && (flags&fanout.SlotFull != 0 || all && waits) && l.b.slots.Gen(t.Slot) == t.Gen
	}
	return l.receives(s, plan, overfills) || slices.ContainsFunc(plan.Groups, func(g *fanout.Group) bool { return g.All(overfills) })
}

// retainFull tells whether there is no room to retain a message. One that takes the place of another is no more than that.
func (l *loop) retainFull(topic, value []byte) bool {
	bounds := &l.live.Retain
	most, now := int64(bounds.MaxBytes), l.b.retained.Content()
	many := bounds.MaxMessages > 0 && l.b.retained.Len() >= bounds.MaxMessages
	large := most > 0 && now+int64(len(topic)+len(value)) > most
	if !many && !large {
		return false
	}
	old, had := l.b.retained.Get(topic, nil)
	return !had || large && len(value) > len(old) && now+int64(len(value)-len(old)) > most
}
