package fanout

import (
	"sync/atomic"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// Message is the one copy of a published message: topic, forwardable properties and payload in one buffer.
// It is immutable once it left the loop that made it, except for the reference count.
type Message struct {
	refs   atomic.Int32
	class  uint8
	serial uint8 // tells the messages of a short while apart

	QoS    uint8
	Retain bool // RETAIN as published

	topicLen uint16
	propLen  uint32
	buf      []byte // topic | properties (without length prefix) | payload

	From    uint32        // publisher's slot, for No Local; NoSlot when there is none
	FromGen uint16        // and its generation
	Expires time.Duration // on the broker's monotonic clock; 0 = never
}

// Topic is the topic name as published.
func (m *Message) Topic() []byte { return m.buf[:m.topicLen:m.topicLen] }

// Props is the property block that is forwarded unchanged, without its length.
func (m *Message) Props() []byte {
	end := uint32(m.topicLen) + m.propLen
	return m.buf[m.topicLen:end:end]
}

// Payload is the application message.
func (m *Message) Payload() []byte { return m.buf[uint32(m.topicLen)+m.propLen:] }

// Size is the number of bytes that the message's content takes.
func (m *Message) Size() int { return len(m.buf) }

// Hold adds n references.
func (m *Message) Hold(n int32) { m.refs.Add(n) }

// Refs is the number of references; for tests.
func (m *Message) Refs() int32 { return m.refs.Load() }

// Remaining is the Message Expiry Interval to forward at now: seconds left, rounded up; ok is false when the
// message does not expire. Zero means that it has expired.
func (m *Message) Remaining(now time.Duration) (seconds uint32, ok bool) {
	if m.Expires == 0 {
		return 0, false
	}
	left := m.Expires - now
	if left <= 0 {
		return 0, true
	}
	// An interval of 0 is kept as a nanosecond, and goes out as 0. [MQTT-3.3.2-6]
	return uint32(min((left+time.Second-2)/time.Second, 1<<32-1)), true
}

// Expired tells whether the message's expiry interval has run out at now.
func (m *Message) Expired(now time.Duration) bool { return m.Expires != 0 && now >= m.Expires }

// NewMessage copies a decoded PUBLISH into a message with one reference. From and Expires are the caller's.
func (p *Pool) NewMessage(pub *mqtt.Publish) *Message {
	m := p.take(len(pub.Topic) + len(pub.Payload))
	m.QoS, m.Retain = pub.QoS, pub.Retain
	m.topicLen = uint16(len(pub.Topic))
	m.buf = append(m.buf[:0], pub.Topic...)
	n := len(m.buf)
	m.buf = pub.Props.AppendForward(m.buf)
	m.propLen = uint32(len(m.buf) - n)
	m.buf = append(m.buf, pub.Payload...)
	return m
}

// NewMessageParts makes a message of parts that are already in forwardable form.
func (p *Pool) NewMessageParts(topic, props, payload []byte, qos uint8, retain bool) *Message {
	m := p.take(len(topic) + len(props) + len(payload))
	m.QoS, m.Retain = qos, retain
	m.topicLen, m.propLen = uint16(len(topic)), uint32(len(props))
	m.buf = append(append(append(m.buf[:0], topic...), props...), payload...)
	return m
}

func (p *Pool) take(size int) *Message {
	class := classOf(size)
	m := p.message(class, size)
	m.refs.Store(1)
	p.serial++
	m.serial = p.serial
	m.From, m.FromGen, m.Expires = NoSlot, 0, 0
	p.live++
	return m
}

// Release gives n references back; the last one returns the message's memory to this pool.
func (p *Pool) Release(m *Message, n int32) {
	switch left := m.refs.Add(-n); {
	case left == 0:
		p.live--
		p.recycle(m)
	case left < 0:
		panic("fanout: message released more often than held")
	}
}
