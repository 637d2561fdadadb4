package enginetest

import (
	"slices"
	"time"
)

// What only 5.0 has: sessions with an expiry interval, packets that name a fault, and the clock of its many intervals.

// expires is the Session Expiry Interval.
func expires(seconds uint32) []byte { return p32(propSessionExpiry, seconds) }

// client opens a connection with a clean start and these properties.
func (t *T) client(name string, p ...[]byte) *conn {
	t.Helper()
	return t.connect(Connect{ID: t.id(name), Props: p})
}

// session opens a connection with Clean Start 0: it creates the session of this name or goes on with it, and asks to keep
// it for a minute unless p says otherwise.
func (t *T) session(name string, p ...[]byte) *conn {
	t.Helper()
	return t.connect(sessionOf(t, name, p...))
}

func sessionOf(t *T, name string, p ...[]byte) Connect {
	if !slices.ContainsFunc(p, func(b []byte) bool { return b[0] == propSessionExpiry }) {
		p = append(slices.Clip(p), expires(60))
	}
	return Connect{ID: t.id(name), Keep: true, Props: p}
}

// wish asks for settings where they can be had. A foreign broker is taken as it is.
func (t *T) wish(set func(s *Settings)) {
	t.Helper()
	if !t.hall.foreign {
		t.withConfig(set)
	}
}

// told waits for the packet that names the fault (CONNACK, or DISCONNECT after the CONNACK) and for the end of the connection.
// The standard leaves it to the server whether it sends that packet. Penstock always does; a foreign broker need not.
func (c *conn) told(codes ...byte) {
	c.t.Helper()
	if c.t.hall.foreign {
		c.closed(codes...)
		return
	}
	want := byte(typConnack)
	if c.greeted {
		want = typDisconnect
	}
	p := c.next()
	if r := c.parse(want, p); p.first != want || !slices.Contains(codes, r.code) {
		c.fatalf("got %v, want reason code % X", p, codes)
	}
	c.closed()
}

// publish5 is a QoS 0 PUBLISH with these properties.
func publish5(topic, payload string, p ...[]byte) []byte {
	return Message{Topic: topic, Payload: payload, Props: p}.encode(5)
}

// subscribe5 is a SUBSCRIBE for one filter.
func subscribe5(f string, options byte, p ...[]byte) []byte {
	return subscribe(5, 1, p, filter(f, options))
}

// ackWith is an acknowledgement (first byte 40, 50, 62, 70) with a reason code and properties.
func ackWith(first byte, id uint16, code byte, p ...[]byte) []byte {
	return packetOf(first, u16(id), u8(code), propBlock(p...))
}

// disconnectWith is a DISCONNECT with a reason code and properties; authWith an AUTH.
func disconnectWith(code byte, p ...[]byte) []byte {
	return packetOf(0xE0, u8(code), propBlock(p...))
}

func authWith(code byte, p ...[]byte) []byte {
	return packetOf(0xF0, u8(code), propBlock(p...))
}

// Options of a subscription, to be added to its QoS.
const (
	noLocal           = 0x04
	retainAsPublished = 0x08
	retainIfNew       = 0x10
	retainNever       = 0x20
)

// num returns the number of a property that has to be there.
func (t *T) num(ps props, id byte) uint32 {
	t.Helper()
	p, ok := ps.get(id)
	if !ok {
		t.Fatalf("got properties %+v, want one with identifier %02X", ps, id)
	}
	return p.num
}

// value returns the string or data of a property that has to be there.
func (t *T) value(ps props, id byte) string {
	t.Helper()
	p, ok := ps.get(id)
	if !ok {
		t.Fatalf("got properties %+v, want one with identifier %02X", ps, id)
	}
	return p.value
}

// without fails the case if one of these properties is there.
func (t *T) without(ps props, ids ...byte) {
	t.Helper()
	for _, p := range ps {
		if slices.Contains(ids, p.id) {
			t.Fatalf("got properties %+v, want none with identifier %02X", ps, p.id)
		}
	}
}

// subscriptionIDs returns the subscription identifiers of a message, in ascending order.
func (m Message) subscriptionIDs() []uint32 {
	var ids []uint32
	for _, p := range m.props.all(propSubscriptionID) {
		ids = append(ids, p.num)
	}
	slices.Sort(ids)
	return ids
}

// users returns the user properties of a message as name=value, in their order.
func (ps props) users() []string {
	var list []string
	for _, p := range ps.all(propUser) {
		list = append(list, p.name+"="+p.value)
	}
	return list
}

// elapse lets time pass, for rules about time. It never stands in for an event that could be awaited.
func elapse(d time.Duration) { time.Sleep(d) }

// notBefore fails the case if less than d has passed since start. Foreign brokers may count in whole seconds.
func (t *T) notBefore(start time.Time, d time.Duration) {
	t.Helper()
	if t.hall.foreign {
		d -= time.Second
	}
	if passed := time.Since(start); passed < d {
		t.Fatalf("came after %v, want at least %v", passed, d)
	}
}

// retain stores a retained message, QoS 1 unless set, and sees to its removal when the case is over.
func (c *conn) retain(m Message) {
	c.t.Helper()
	m.Retain = true
	m.QoS = max(m.QoS, 1)
	if code := c.publish(m); code >= 0x80 {
		c.fatalf("retained message for %q: refused with code %02X", m.Topic, code)
	}
	if c.t.hall.foreign {
		c.t.Cleanup(func() {
			c.t.connect(Connect{ID: c.t.id("clear")}).publish(Message{Topic: m.Topic, Retain: true, QoS: 1})
		})
	}
}
