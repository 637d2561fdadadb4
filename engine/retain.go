package engine

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/internal/session"
	"github.com/penstock-mqtt/penstock/fanout"
	"github.com/penstock-mqtt/penstock/trie"
)

// A retained message's value in the tree: QoS | expires (8 bytes, monotonic, 0 = never) | property length | properties
// | payload.
const retainedHeader = 1 + 8

// retain stores or deletes the topic's retained message. It tells whether something was stored.
// $SYS is made anew after each start: it is not stored, and not refused for want of room.
// [MQTT-3.3.1-5] [MQTT-3.3.1-6] [MQTT-3.3.1-7] [MQTT-3.3.1-10] [MQTT-3.3.1-11]
func (l *loop) retain(m *fanout.Message) (stored bool) {
	own := bytes.HasPrefix(m.Topic(), sysPrefix)
	if len(m.Payload()) == 0 {
		if own {
			l.b.retained.Delete(m.Topic())
			return false
		}
		return l.unretain(m.Topic())
	}
	v := retainedValue(l.value[:0], m.QoS, m.Expires, m.Props(), m.Payload())
	l.value = v[:0]
	if !own && l.retainFull(m.Topic(), v) { // none is better than one that is out of date
		l.dropped(DropRetainFull)
		return l.unretain(m.Topic())
	}
	stored = !own && l.noteRetained(m.Topic(), len(v))
	l.b.retained.Set(m.Topic(), v)
	return stored
}

func retainedValue(v []byte, qos uint8, expires time.Duration, props, payload []byte) []byte {
	v = binary.BigEndian.AppendUint64(append(v, qos), uint64(expires))
	v = mqtt.AppendVarint(v, len(props))
	return append(append(v, props...), payload...)
}

// retainedMessage makes a message of a value in the tree.
func (l *loop) retainedMessage(topic, v []byte) (m *fanout.Message, expired bool) {
	qos, expires := v[0], time.Duration(binary.BigEndian.Uint64(v[1:]))
	if expires != 0 && l.now >= expires {
		return nil, true
	}
	v = v[retainedHeader:]
	props, n := binary.Uvarint(v)
	v = v[n:]
	m = l.pool.NewMessageParts(topic, v[:props], v[props:], qos, true)
	m.Expires = expires
	return m, false
}

// replay is what a connection is still owed of retained messages. Only for the first subscription it is known which they
// are: a client that subscribes to everything again and again costs a filter each time.
type replay struct {
	refs []trie.RetainedRef
	now  replayed // whose refs they are
	next []replayed
	late int // QoS 2 messages that wait for their commit
}

// replayed is a subscription whose retained messages are sent.
type replayed struct {
	filter []byte
	qos    uint8
	id     uint32
}

// wantsRetained tells whether a subscription asks for the retained messages, and keeps what is needed to send them.
// [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]
func (c *conn) wantsRetained(f mqtt.Subscription, id uint32, granted mqtt.Reason, fresh bool) (replayed, bool) {
	if _, _, shared, _ := trie.SplitShared(f.Filter); shared {
		return replayed{}, false
	}
	if h := f.RetainHandling(); h == 2 || h == 1 && !fresh {
		return replayed{}, false
	}
	return replayed{filter: c.sess.mounted(f.Filter), qos: byte(granted), id: id}, true
}

// replayRetained begins to send the retained messages that a subscription matches. [MQTT-3.3.1-6]
func (l *loop) replayRetained(c *conn, r replayed) {
	if c.state != connected {
		return
	}
	r.filter = bytes.Clone(r.filter) // of the packet
	if p := c.replay(); p != nil {
		if len(p.next) == maxOwed {
			c.disconnect(mqtt.QuotaExceeded)
			return
		}
		p.next = append(p.next, r)
		return
	}
	if !l.maySearch(r.filter) {
		c.extras().replay = &replay{next: []replayed{r}}
		l.markDirty(c)
		return
	}
	l.refs = l.b.retained.Collect(r.filter, l.refs[:0])
	if len(l.refs) == 0 {
		return
	}
	c.extras().replay = &replay{refs: slices.Clone(l.refs), now: r}
	l.replayMore(c)
}

// maxOwed is for how many subscriptions a client may be owed the retained messages, as many as a packet can hold: one
// that acknowledges none could ask for ever more.
const maxOwed = 1 << 18

// maxSearch is how many retained messages may be looked at in one pass, about a few milliseconds: one SUBSCRIBE can hold
// a hundred thousand filters that match nothing and yet ask to look at everything.
const maxSearch = 1 << 16

// maySearch tells whether the retained messages of a filter may be looked for in this pass, and notes that they are.
func (l *loop) maySearch(filter []byte) bool {
	if l.searched >= maxSearch {
		return false
	}
	l.searched++
	if bytes.ContainsAny(filter, "+#") {
		l.searched += l.b.retained.Len()
	}
	return true
}

// endReplay forgets what is still owed for a filter that is no longer subscribed to. [MQTT-3.10.4-2]
func (c *conn) endReplay(filter []byte) {
	p := c.replay()
	if p == nil {
		return
	}
	if bytes.Equal(p.now.filter, filter) {
		p.refs = nil
	}
	p.next = slices.DeleteFunc(p.next, func(r replayed) bool { return bytes.Equal(r.filter, filter) })
}

// replayMore sends retained messages as far as the socket allows. What is loaded later is the newest value, so that
// nobody gets an older message after a newer one.
func (l *loop) replayMore(c *conn) {
	p := c.replay()
	if p == nil {
		return
	}
	for first := true; c.replayRoom(); {
		switch {
		case len(p.refs) > 0:
			l.replayOne(c, p.refs[0], &p.now)
			p.refs = p.refs[1:]
		case len(p.next) > 0:
			// One each pass for everybody, so that nobody waits for those who want a lot.
			if !l.maySearch(p.next[0].filter) && !first {
				l.markDirty(c)
				return
			}
			first = false
			p.now = p.next[0]
			p.next = p.next[1:]
			p.refs = l.b.retained.Collect(p.now.filter, nil)
		default:
			c.x.replay = nil
			return
		}
	}
}

// replayRoom keeps the replay from filling the session's queue or running past a slow reader.
func (c *conn) replayRoom() bool {
	return c.state == connected && c.outBytes <= replayBytes && c.sess.Queue.Len()+c.replay().late < replayQueue
}

const (
	replayBytes = 256 << 10
	replayQueue = 64
)

func (l *loop) replayOne(c *conn, ref trie.RetainedRef, r *replayed) {
	var ok bool
	var topic, value []byte
	topic, value, ok = l.b.retained.Load(ref, l.topic[:0], l.value[:0])
	if !ok {
		return
	}
	l.topic, l.value = topic[:0], value[:0]
	m, expired := l.retainedMessage(topic, value)
	if expired {
		return
	}
	l.cutBatch()
	s := c.sess
	d := session.Delivery{Open: session.Open{Msg: m, Retain: true, ID: r.id}, Size: uint32(m.Size()), QoS: min(m.QoS, r.qos)} // [MQTT-3.3.1-8]
	stored := false
	if d.QoS > 0 {
		d.Seq = l.b.slots.NextSeq(s.Slot)
		stored = l.storeReplayed(s, &d)
	}
	if stored && d.QoS == 2 {
		l.replayLate(c, &d)
	} else {
		l.deliver(s, &d)
		l.forms.Done(&l.pool)
	}
	l.pool.Release(m, 1)
}

// replayLate delivers a retained message after the commit: it is forgotten by a crash before, and its packet identifier
// must not be known to the client then.
func (l *loop) replayLate(c *conn, d *session.Delivery) {
	s, p := c.sess, c.replay()
	late := lateDelivery{msg: d.Msg, plan: &fanout.Plan{ByLoop: make([][]fanout.Target, len(l.b.loops))}, seqs: make([][]uint64, len(l.b.loops)), replay: p}
	late.plan.ByLoop[l.id] = []fanout.Target{{Slot: s.Slot, Gen: s.Gen, QoS: d.QoS, Flags: fanout.RetainAsPublished, ID: d.ID}}
	late.seqs[l.id] = []uint64{d.Seq}
	p.late++
	l.holdBack(late)
}

// sweep drops retained messages whose expiry has run out, a few a tick, without anybody asking for them.
func (l *loop) sweep() {
	if l.id != 0 || l.tick < l.nextSweep {
		return
	}
	l.sweepCursor = l.b.retained.Scan(l.sweepCursor, sweepBatch, func(topic, v []byte) bool {
		over := l.overdue(v)
		if over {
			l.noteRetained(topic, 0)
		}
		return over
	})
	if l.sweepCursor == 0 {
		l.nextSweep = l.tick + ticks(sweepPause)
	}
}

const (
	sweepBatch = 1000
	sweepPause = 10 * time.Second
)
