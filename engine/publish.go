package engine

import (
	"bytes"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/penstock-mqtt/penstock/codec/flow"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/fanout"
	"github.com/penstock-mqtt/penstock/trie"
)

var sysPrefix = []byte("$SYS/")

// publish is a client's PUBLISH. Its steps stand here in their one order:
// alias, limits, topic, mountpoint, rewrite, authorize, store and route. Hooks, which only observe, are told of what was
// taken over.
func (l *loop) publish(c *conn, flags byte, body []byte) {
	p := &l.in.publish
	if err := p.Decode(c.peer(), flags, body); err != nil {
		c.fail(err)
		return
	}
	l.count.publishIn[p.QoS].add(1)
	l.count.payloadIn.add(uint64(len(p.Payload)))

	if err := l.resolveAlias(c, p); err != nil {
		c.fail(err)
		return
	}
	if err := c.checkLimits(p); err != nil {
		c.fail(err)
		return
	}
	reason := c.checkTopic(p)
	l.mountTopic(c, p)
	if l.b.parts.Rewriter != nil && reason == mqtt.Success {
		reason = c.rewrite(p)
	}
	if reason == mqtt.Success && !l.mayPublish(c.sess.ident, p.Topic[len(c.sess.mount()):], p.QoS, p.Retain) {
		reason = mqtt.NotAuthorized
	}
	if reason != mqtt.Success {
		l.deny(c, p, reason)
		return
	}
	l.storeAndRoute(c, p)
}

// checkLimits refuses what the CONNACK said is not available.
func (c *conn) checkLimits(p *mqtt.Publish) error {
	switch {
	case int(p.QoS) > c.live.Limits.MaximumQoS: // [MQTT-3.2.2-11]
		return &mqtt.Error{Reason: mqtt.QoSNotSupported, Rule: "MQTT-3.2.2-11", Detail: "QoS above the Maximum QoS"}
	case p.Retain && !c.live.Retain.Available: // [MQTT-3.2.2-14]
		return &mqtt.Error{Reason: mqtt.RetainNotSupported, Rule: "MQTT-3.2.2-14", Detail: "retained messages are not available"}
	case c.live.Limits.ValidatePayloadFormat && p.Props.Has(mqtt.PropPayloadFormat) && p.Props.PayloadFormat == 1 && !utf8.Valid(p.Payload):
		return mqtt.PayloadFormatInvalid
	}
	return nil
}

// checkTopic refuses names that nobody may publish to. That is no violation: the client is told and goes on.
func (c *conn) checkTopic(p *mqtt.Publish) mqtt.Reason {
	switch {
	case tooDeep(p.Topic, c.live.Limits.MaxTopicLevels), len(c.sess.mount())+len(p.Topic) > maxTopic:
		return mqtt.TopicNameInvalid
	case p.Topic[0] == '$' && bytes.HasPrefix(p.Topic, sysPrefix): // the broker's own
		return mqtt.NotAuthorized
	}
	return mqtt.Success
}

// maxTopic is how long a topic name or filter may be, a mountpoint before it included.
const maxTopic = 65535

// tooDeep counts levels only where there are bytes enough for so many.
func tooDeep(topic []byte, levels int) bool {
	return len(topic) >= levels && trie.Levels(topic) > levels
}

// mountTopic puts the listener's prefix before the topic.
func (l *loop) mountTopic(c *conn, p *mqtt.Publish) {
	if c.sess.mount() == "" {
		return
	}
	l.topic = append(append(l.topic[:0], c.sess.mount()...), p.Topic...)
	p.Topic = l.topic
}

// rewrite lets the embedder change a message. What it makes of the topic has to be one that the client could publish to.
func (c *conn) rewrite(p *mqtt.Publish) mqtt.Reason {
	m := Message{Topic: p.Topic, Payload: p.Payload, QoS: p.QoS, Retain: p.Retain}
	if p.Props.Has(mqtt.PropMessageExpiry) {
		m.Expiry = time.Duration(p.Props.MessageExpiry) * time.Second
	}
	if reason := c.rewritten(&m); reason.Failed() {
		return reason
	}
	mount := c.sess.mount()
	switch {
	case !bytes.HasPrefix(m.Topic, []byte(mount)), !trie.ValidName(m.Topic[len(mount):]), len(m.Topic) > maxTopic,
		bytes.HasPrefix(m.Topic[len(mount):], sysPrefix), m.Retain && !c.live.Retain.Available:
		return mqtt.ImplementationSpecificError
	}
	p.Topic, p.Payload, p.Retain = m.Topic, m.Payload, m.Retain
	return mqtt.Success
}

// deny answers a PUBLISH that is not taken over. 3.x has no code for it: it is acknowledged and dropped.
// [MQTT-3.3.5-2]
func (l *loop) deny(c *conn, p *mqtt.Publish, reason mqtt.Reason) {
	l.dropped(DropUnauthorized)
	code := reason
	if c.version != mqtt.V5 {
		code = mqtt.Success
	}
	if p.QoS > 0 && code == mqtt.Success {
		c.receiver().Publish(p.ID, p.QoS) // 3.x: acknowledged like any other, without a maximum
	}
	if p.QoS > 0 { // [MQTT-4.3.3-9]
		l.answer(c, l.refusedAck(c, answerTo(p), p.ID, code, publishRefusals[code]), false)
	}
}

// answerTo is the packet that answers a PUBLISH above QoS 0.
func answerTo(p *mqtt.Publish) mqtt.Type {
	if p.QoS == 2 {
		return mqtt.PUBREC
	}
	return mqtt.PUBACK
}

// refusedAck is an acknowledgement that says why, if the client wants to know. [MQTT-3.1.2-29]
func (l *loop) refusedAck(c *conn, typ mqtt.Type, id uint16, code mqtt.Reason, why string) outItem {
	if code == mqtt.Success || c.has(noProblem) {
		return outItem{typ: typ, id: id, code: code}
	}
	a := mqtt.Ack{Type: typ, ID: id, Reason: code}
	c.explain(&a.Props, why)
	return framed(l.newFrame(func(dst []byte) []byte { return a.AppendTo(dst, c.version, int(c.maxPacket)) }))
}

var publishRefusals = map[mqtt.Reason]string{
	mqtt.NotAuthorized:    "the client may not publish to this topic",
	mqtt.TopicNameInvalid: "the topic has too many levels or is too long",
}

// storeAndRoute takes the message over: the QoS machine first, then store, retain and route in one place.
func (l *loop) storeAndRoute(c *conn, p *mqtt.Publish) {
	plan := l.router.Plan(p.Topic)
	if p.QoS > 0 {
		if !p.Dup || p.QoS == 1 {
			l.anew(c.sess, p.ID)
		}
		switch c.receiver().Publish(p.ID, p.QoS) {
		case flow.Exceeded: // [MQTT-3.3.4-7]
			c.disconnect(mqtt.ReceiveMaximumExceeded)
			return
		case flow.Duplicate: // [MQTT-4.3.3-10] [MQTT-4.3.3-2]
			if l.unkept(c.sess) { // a connection before may have begun it, and the store not know
				l.closeInDoubt(c)
				return
			}
			l.answerRepeat(c, outItem{typ: mqtt.PUBREC, id: p.ID})
			return
		case flow.InUse:
			l.inUse(c, p)
			return
		}
	}
	if l.underPressure(c, p, plan) || l.overfull(c, p, plan) {
		return
	}
	if h := l.b.parts.Hooks; h != nil && h.Published != nil {
		l.observe(func() { h.Published(c.info(), p.Topic, p.Payload, p.QoS, p.Retain) })
	}
	code := mqtt.Success
	if plan.Empty() {
		code = mqtt.NoMatchingSubscribers
	}
	need := false
	if !plan.Empty() || p.Retain {
		m := l.pool.NewMessage(p)
		m.From, m.FromGen = c.sess.Slot, c.sess.Gen
		if p.Props.Has(mqtt.PropMessageExpiry) {
			m.Expires = l.now + max(time.Duration(p.Props.MessageExpiry)*time.Second, 1)
		}
		if p.Retain {
			need = l.retain(m)
		}
		if p.QoS == 2 && l.storeIncoming(c.sess, p.ID) {
			need = true
		}
		if l.route(m, plan, origin{session: c.sess, behind: c, need: need}) {
			need = true
		}
		l.pool.Release(m, 1)
	} else if p.QoS == 2 {
		need = l.storeIncoming(c.sess, p.ID)
	}
	switch p.QoS { // [MQTT-3.3.4-1]
	case 1: // [MQTT-4.3.2-4]
		l.answer(c, outItem{typ: mqtt.PUBACK, id: p.ID, code: code}, need)
	case 2: // [MQTT-4.3.3-8]
		l.answer(c, outItem{typ: mqtt.PUBREC, id: p.ID, code: code}, need)
	}
}

// receiver is the session's receiving half, with the Receive Maximum of this connection. 3.x has none.
func (c *conn) receiver() *flow.Receiver {
	if c.sess.Recv == nil {
		c.sess.Recv = &flow.Receiver{}
		c.sess.Recv.SetMaximum(c.receiveMaximum())
	}
	return c.sess.Recv
}

func (c *conn) receiveMaximum() int {
	if c.version != mqtt.V5 {
		return 65535
	}
	return c.live.Limits.ReceiveMaximum
}

// inUse answers a PUBLISH whose packet identifier belongs to another open exchange.
func (l *loop) inUse(c *conn, p *mqtt.Publish) {
	if c.version != mqtt.V5 {
		c.fail(&mqtt.Error{Reason: mqtt.PacketIdentifierInUse, Rule: "MQTT-2.3.1-2", Detail: "packet identifier of another open exchange"})
		return
	}
	l.push(c, outItem{typ: answerTo(p), id: p.ID, code: mqtt.PacketIdentifierInUse})
}

// origin is where a message comes from.
type origin struct {
	session *sess // the publisher; nil for the broker's own messages
	behind  *conn // the publisher's: QoS 2 messages must not overtake those whose acknowledgement is held; nil: none
	need    bool  // something about this message is in the present batch already
}

// route sends a message to everybody in the plan, and records it for the sessions that outlive their connection.
// It tells whether anything was stored. The caller keeps its reference.
func (l *loop) route(m *fanout.Message, plan *fanout.Plan, from origin) (stored bool) {
	picks := l.choose(m, plan, from)
	var seqs [][]uint64
	if m.QoS > 0 {
		seqs = l.number(plan)
		stored = l.storeMessage(m, plan, seqs, picks)
	}
	if m.QoS == 2 && l.stores() {
		switch late := (lateDelivery{msg: m, plan: plan, to: picks}); {
		case stored || from.need:
			// Delivered after the commit: a crash and a resend must not deliver it twice.
			late.seqs = slices.Clone(seqs)
			l.holdBack(late)
			return stored
		case from.behind != nil && len(from.behind.held()) > 0:
			late.seqs = slices.Clone(seqs)
			l.holdBehind(from.behind, late)
			return stored
		}
	}
	l.send2(m, plan, seqs, picks)
	return stored
}

// pick is the member that a shared group's strategy chose.
type pick struct {
	group  *fanout.Group
	target fanout.Target
	seq    uint64
}

func (l *loop) choose(m *fanout.Message, plan *fanout.Plan, from origin) []pick {
	if len(plan.Groups) == 0 {
		return nil
	}
	picks := l.takePicks(len(plan.Groups))
	for _, g := range plan.Groups {
		t, ok := g.Choose(l.b.slots, l.choice(m, from.session))
		if !ok {
			l.dropped(DropNoMember)
			continue
		}
		k := pick{group: g, target: t}
		if min(m.QoS, t.QoS) > 0 {
			k.seq = l.b.slots.NextSeq(t.Slot)
		}
		picks = append(picks, k)
	}
	return picks
}

// number takes a sequence number for each receiver above QoS 0, in the receiver's own count.
func (l *loop) number(plan *fanout.Plan) [][]uint64 {
	if plan.ByLoop == nil {
		return nil
	}
	seqs := l.seqLists[:0]
	for _, targets := range plan.ByLoop {
		var list []uint64
		if len(targets) > 0 {
			list = l.takeSeqs(len(targets))
			for i, t := range targets {
				if t.QoS > 0 {
					list[i] = l.b.slots.NextSeq(t.Slot)
				}
			}
		}
		seqs = append(seqs, list)
	}
	l.seqLists = seqs
	return seqs
}

// send2 hands a routed message to its receivers: here at once, elsewhere by one item a loop.
func (l *loop) send2(m *fanout.Message, plan *fanout.Plan, seqs [][]uint64, picks []pick) {
	for i, targets := range plan.ByLoop {
		if len(targets) == 0 {
			continue
		}
		it := fanout.Item{Msg: m, Plan: plan, Targets: targets}
		if seqs != nil {
			it.Seqs = seqs[i]
		}
		if uint32(i) == l.id {
			l.deliverItem(&it)
			continue
		}
		m.Hold(1)
		l.tell(uint32(i), it)
	}
	for i := range picks {
		l.toOne(m, &picks[i])
	}
}

// toOne sends a message to one session, wherever it is.
func (l *loop) toOne(m *fanout.Message, k *pick) {
	owner := l.b.slots.Owner(k.target.Slot)
	if owner == l.id {
		l.deliverShared(m, k)
		return
	}
	m.Hold(1)
	l.tell(owner, fanout.Item{Kind: itemShared, Msg: m, Arg: k})
}

// takeSeqs cuts a list of zeroes off a block. Lists cross loops and are never given back: a block goes when all of
// its lists have.
func (l *loop) takeSeqs(n int) []uint64 {
	if len(l.seqBlock) < n {
		l.seqBlock = make([]uint64, max(n, seqBlock))
	}
	list := l.seqBlock[:n:n]
	l.seqBlock = l.seqBlock[n:]
	return list
}

// takePicks cuts an empty list off a block, as takeSeqs does: a pick crosses loops by its address.
func (l *loop) takePicks(n int) []pick {
	if len(l.pickBlock) < n {
		l.pickBlock = make([]pick, max(n, pickBlock))
	}
	list := l.pickBlock[:0:n]
	l.pickBlock = l.pickBlock[n:]
	return list
}

const (
	seqBlock  = 1024
	pickBlock = 1024
)
