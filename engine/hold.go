package engine

import (
	"slices"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/fanout"
)

// held is a packet that leaves once the batch it depends on is committed.
type held struct {
	batch uint64
	item  outItem
}

// holder carries a loop's batches to the store and holds back what depends on them. Batches of a loop commit in order,
// so what is held is let go in order too.
type holder struct {
	store     store.Store // nil: nothing outlives the process and nothing is held
	batch     *store.Batch
	retained  retainedNotes // what the batch will have of retained messages
	begins    bool          // it begins a session
	shut      bool          // the store takes nothing yet: it is being read
	free      []*store.Batch
	seq       uint64 // of the batch being filled
	committed uint64 // all batches up to this one are
	conns     []*conn
	late      []lateDelivery // QoS 2 messages whose delivery waits for the commit
	flying    []flight       // batches on their way, oldest first
	moving    []moving       // sessions to be handed over once what was stored for them is committed
	ended     []string       // clients whose session the present batch ends
	retired   []retired      // their slots

	spareConns spares[*conn]
	spareLate  spares[lateDelivery]
	spareHeld  spares[held] // of connections that wait for nothing any more
}

// flight is a batch that the store has not confirmed.
type flight struct {
	seq   uint64
	conns []*conn
	late  []lateDelivery
	batch *store.Batch
	ended []string
	holds bool // it has something of retained messages
	done  bool // committed, before this loop has heard of those before it

	retired []retired
}

// lateDelivery is a routed QoS 2 message. It holds one reference.
type lateDelivery struct {
	msg  *fanout.Message
	plan *fanout.Plan
	seqs [][]uint64
	to   []pick

	replay *replay // counts it among what it has under way
}

// stores tells whether anything is stored at all.
func (l *loop) stores() bool { return l.hold.store != nil }

// answer sends an acknowledgement, behind those that are held: at once when need is false and nothing is held before
// it, else when the present batch is committed. Acknowledgements of a connection leave in the order of what they
// answer. [MQTT-4.6.0-2] [MQTT-4.6.0-3]
func (l *loop) answer(c *conn, o outItem, need bool) {
	if !need && len(c.held()) == 0 {
		l.sent(c, o)
		l.push(c, o)
		return
	}
	batch := l.hold.seq
	switch {
	case !need:
		batch = c.x.held[len(c.x.held)-1].batch
	case l.hold.empty(): // it was cut off behind what the answer is about
		l.answerRepeat(c, o)
		return
	}
	x := c.extras()
	if x.held == nil {
		x.held = l.hold.spareHeld.take()
	}
	x.held = append(x.held, held{batch, o})
	if need {
		l.hold.conns = append(l.hold.conns, c)
	}
}

// sent tells the receiving half of the QoS machine that an acknowledgement left, which frees receive quota.
func (l *loop) sent(c *conn, o outItem) {
	if o.frame != nil || o.code.Failed() || c.sess == nil || c.sess.Recv == nil { // what is refused took no quota
		return
	}
	switch o.typ {
	case mqtt.PUBACK:
		c.sess.Recv.Acked(o.id, 1, o.code)
	case mqtt.PUBREC:
		c.sess.Recv.Acked(o.id, 2, o.code)
	case mqtt.PUBCOMP:
		c.sess.Recv.Completed(o.id)
	}
}

// dropHeld forgets what a connection was still to be told: it is gone and will ask again.
func (l *loop) dropHeld(c *conn) {
	for i := range c.held() {
		c.x.held[i].item.release(l)
	}
	if c.x != nil {
		l.hold.spareHeld.give(c.x.held)
		c.x.held = nil
	}
}

// commit hands the pass's batch to the store. Where that commits at once, who waited for it may go on with input that was
// kept: what that puts into the next batch is handed over as well, before other loops are told of it.
func (l *loop) commit() {
	for l.hold.store != nil && !l.hold.shut && !l.hold.empty() {
		if seq, last := l.appendBatch(); last {
			l.landed(seq, nil)
		}
	}
}

// commitBegun hands over what the batch has so far if it begins a session: before anybody can send that one something. The
// store takes no delivery to a session that it does not know, and other loops do not wait for this one's pass to end.
func (l *loop) commitBegun() {
	if l.hold.begins {
		l.appendEarly()
	}
}

// cutAt is the size from which on a batch is handed over in the middle of a pass: a store without much room commits it all
// the same, and others do not wait for it long.
const cutAt = 64 << 10

// cutBatch hands over what the batch has so far, if that is much, so that a batch is no larger than this and what belongs to one
// message. It is called before any of that is put into the batch, never in between.
func (l *loop) cutBatch() {
	if h := &l.hold; h.store != nil && !h.shut && len(h.batch.Bytes())+h.retained.bytes >= cutAt {
		l.appendEarly()
	}
}

// appendEarly hands the batch over in the middle of a pass. It is heard of behind the packet that is being handled.
func (l *loop) appendEarly() {
	if seq, last := l.appendBatch(); last {
		l.hold.flying[0].done = true
		l.post(func(l *loop) {
			if l.hold.committed < seq { // unless that was with the one before
				l.landed(seq, nil)
			}
		})
	}
}

// appendBatch hands the batch over and begins the next one. last says that it is committed, and that this loop has heard
// of all before it: the caller lets it land.
func (l *loop) appendBatch() (seq uint64, last bool) {
	h := &l.hold
	l.markClock()
	f := flight{seq: h.seq, conns: h.conns, late: h.late, batch: h.batch, ended: h.ended, retired: h.retired, holds: len(h.retained.topics) > 0}
	h.conns, h.late, h.ended, h.retired, h.begins = h.spareConns.take(), h.spareLate.take(), nil, nil, false
	h.seq++
	if n := len(h.free); n > 0 {
		h.batch, h.free = h.free[n-1], h.free[:n-1]
	} else {
		h.batch = &store.Batch{}
	}
	h.flying = append(h.flying, f)
	this := f.seq
	done := func(err error) { l.post(func(l *loop) { l.landed(this, err) }) }
	committed := false
	if f.holds {
		committed = l.appendRetained(&f, done)
	} else {
		committed = h.store.Append(f.batch, done)
	}
	if committed && len(h.flying) > 1 {
		h.flying[len(h.flying)-1].done = true
		return this, false
	}
	return this, committed
}

// batchesKept is how many batches are kept to be filled again: more than are on their way while the disk keeps up.
const batchesKept = 64

// landed is the store's answer about the oldest batch on its way.
func (l *loop) landed(seq uint64, err error) {
	h := &l.hold
	f := h.flying[0]
	if f.seq != seq {
		panic("engine: the store confirmed batches out of order")
	}
	h.flying = slices.Delete(h.flying, 0, 1) // few are on their way
	h.committed = seq
	if f.holds {
		l.b.unsettled.Add(-1)
	}
	if len(h.free) < batchesKept { // a disk that stood still has left many
		f.batch.Reset()
		h.free = append(h.free, f.batch)
	}
	for _, d := range f.late {
		if d.replay != nil {
			d.replay.late--
		}
		if err == nil {
			l.deliverLate(d)
		} else if d.replay != nil {
			l.closeInDoubt(l.receiverOf(d))
		}
		l.pool.Release(d.msg, 1)
	}
	for _, c := range f.conns {
		if err != nil {
			l.closeInDoubt(c)
			continue
		}
		l.letGo(c)
	}
	h.spareLate.give(f.late)
	h.spareConns.give(f.conns)
	if err != nil {
		l.b.doubtful.add(f.ended)
		l.notice(noticeStoreLost, "err", err)
	}
	l.retire(f.retired)
	l.handOver()
	l.samplePressure() // who waited for the store is read on behind what was held
	if len(h.flying) > 0 && h.flying[0].done {
		l.landed(h.flying[0].seq, nil)
	}
}

// closeInDoubt ends a connection that waits for a commit which has failed: no answer, so that the client asks again.
func (l *loop) closeInDoubt(c *conn) {
	if c == nil {
		return
	}
	l.dropHeld(c)
	if c.state == connected {
		c.reason = mqtt.UnspecifiedError
		l.count.closed[c.reason].add(1)
		c.closeNow()
	}
}

// receiverOf is the connection that a retained message was for, if it is there.
func (l *loop) receiverOf(d lateDelivery) *conn {
	t := d.plan.ByLoop[l.id][0]
	if s := l.session(t.Slot); s != nil && s.Gen == t.Gen {
		return s.conn
	}
	return nil
}

// holdBack keeps a routed QoS 2 message until what was stored for it in the present batch is committed.
func (l *loop) holdBack(d lateDelivery) {
	d.msg.Hold(1)
	l.hold.late = append(l.hold.late, d)
}

// holdBehind keeps a QoS 2 message that needs no store until what its publisher was not answered yet is committed. It is
// answered with that, and goes on whatever becomes of later batches.
func (l *loop) holdBehind(c *conn, d lateDelivery) {
	h := &l.hold
	d.msg.Hold(1)
	batch := c.x.held[len(c.x.held)-1].batch
	for i := range h.flying {
		if f := &h.flying[i]; f.seq == batch {
			f.late = append(f.late, d)
			return
		}
	}
	h.late = append(h.late, d) // it is in none that flies, so it is in the present one
}

// deliverLate delivers a QoS 2 message whose commit is done. Sessions may have moved since it was routed.
func (l *loop) deliverLate(d lateDelivery) {
	if d.plan.Fresh(l.b.slots) {
		l.send2(d.msg, d.plan, d.seqs, d.to)
		return
	}
	for i, targets := range d.plan.ByLoop {
		for k, t := range targets {
			owner := l.b.slots.Owner(t.Slot)
			if owner == l.id {
				l.deliverTo(d.msg, d.plan, t, d.seqs[i][k])
				continue
			}
			d.msg.Hold(1)
			l.tell(owner, fanout.Item{Msg: d.msg, Plan: d.plan, Targets: []fanout.Target{t}, Seqs: []uint64{d.seqs[i][k]}})
		}
	}
	l.forms.Done(&l.pool)
	for i := range d.to {
		l.toOne(d.msg, &d.to[i])
	}
}

// letGo sends what is held and committed.
func (l *loop) letGo(c *conn) {
	n := 0
	list := c.held()
	for n < len(list) && list[n].batch <= l.hold.committed {
		o := list[n].item
		l.sent(c, o)
		l.push(c, o)
		n++
	}
	switch n {
	case 0:
		return
	case len(list):
		l.hold.spareHeld.give(list)
		c.x.held = nil
	default:
		clear(list[:n])
		c.x.held = list[n:]
	}
	switch {
	case c.has(unanswered): // the CONNACK was the first of them
		c.flags &^= unanswered
		c.resume()
	case len(list) >= maxHeld:
		l.goOn(c)
	}
}

// empty tells whether the present batch will hold nothing.
func (h *holder) empty() bool { return h.batch.Len() == 0 && len(h.retained.topics) == 0 }

// lastBatch is the newest batch that holds anything.
func (h *holder) lastBatch() uint64 {
	if h.store == nil || h.empty() {
		return h.seq - 1
	}
	return h.seq
}

// settled tells whether all batches up to this one are committed.
func (h *holder) settled(upTo uint64) bool { return h.store == nil || h.committed >= upTo }

// uncommitted tells whether anything of this loop is not committed.
func (l *loop) uncommitted() bool {
	return l.stores() && (!l.hold.empty() || len(l.hold.flying) > 0)
}

// answerRepeat sends an acknowledgement for something that was stored before, perhaps by a connection that is gone:
// behind whatever is not committed yet.
func (l *loop) answerRepeat(c *conn, o outItem) {
	h := &l.hold
	switch {
	case !l.uncommitted():
		l.answer(c, o, false)
	case !h.empty():
		l.answer(c, o, true)
	default:
		f := &h.flying[len(h.flying)-1]
		x := c.extras()
		x.held = append(x.held, held{f.seq, o})
		f.conns = append(f.conns, c)
	}
}
