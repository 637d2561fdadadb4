package fanout

import (
	"encoding/binary"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// largePayload is the size from which a payload is referred to by the write's vector rather than copied: below it,
// one memmove is cheaper than one more iovec.
const largePayload = 4096

// Frame is one encoding of a packet, owned by the loop that made it. Its count needs no atomics.
type Frame struct {
	refs int32
	pid  int32    // offset of the packet identifier in head; -1: none
	head []byte   // the packet, or all of it up to the payload when tail is set
	tail []byte   // a large message's payload, borrowed from msg
	msg  *Message // held while tail is
}

// Form says which encoding of a message a receiver gets. What differs by receiver is in Extra.
type Form struct {
	V5     bool
	QoS    uint8
	Retain bool
	Dup    bool
}

// Extra is what belongs to one receiver of a 5.0 PUBLISH and stays out of shared frames.
type Extra struct {
	IDs     []uint32 // subscription identifiers
	Alias   uint16   // 0: none
	NoTopic bool     // the alias is known: send an empty topic name
	Strip   int      // bytes at the front of the topic that the receiver does not see
}

// Size is the length of the packet in bytes.
func (f *Frame) Size() int { return len(f.head) + len(f.tail) }

// HasID tells whether the frame has a place for a packet identifier.
func (f *Frame) HasID() bool { return f.pid >= 0 }

// Head is the packet without a large payload. The packet identifier in it is not set: see AppendHead.
func (f *Frame) Head() []byte { return f.head }

// Tail is the large payload that follows the head; nil for most frames.
func (f *Frame) Tail() []byte { return f.tail }

// AppendHead copies the head with this receiver's packet identifier.
func (f *Frame) AppendHead(dst []byte, id uint16) []byte {
	n := len(dst)
	dst = append(dst, f.head...)
	if f.pid >= 0 {
		binary.BigEndian.PutUint16(dst[n+int(f.pid):], id)
	}
	return dst
}

// Hold adds a reference.
func (f *Frame) Hold() { f.refs++ }

// ReleaseFrame gives one reference back.
func (p *Pool) ReleaseFrame(f *Frame) {
	f.refs--
	if f.refs > 0 {
		return
	}
	if f.refs < 0 {
		panic("fanout: frame released more often than held")
	}
	p.framed--
	if f.msg != nil {
		p.Release(f.msg, 1)
		f.msg, f.tail = nil, nil
	}
	scribble(f.head)
	if cap(f.head) <= 8192 && len(p.frames) < 4096 {
		p.frames = append(p.frames, f)
	}
}

// NewFrame gives an empty frame with one reference for a packet that goes to one receiver; fill it with SetBytes.
func (p *Pool) NewFrame() *Frame {
	p.framed++
	if n := len(p.frames); n > 0 {
		f := p.frames[n-1]
		p.frames[n-1] = nil
		p.frames = p.frames[:n-1]
		f.head, f.refs, f.pid = f.head[:0], 1, -1
		return f
	}
	return &Frame{refs: 1, pid: -1}
}

// Fill replaces the frame's bytes by what encode appends.
func (f *Frame) Fill(encode func(dst []byte) []byte) { f.head = encode(f.head[:0]) }

// Encode makes the frame of m in the given form at the time now, with one reference.
func (p *Pool) Encode(m *Message, form Form, x *Extra, now time.Duration) *Frame {
	f := p.NewFrame()
	payload := m.Payload()
	topic := m.Topic()
	if x != nil {
		topic = topic[x.Strip:]
		if x.NoTopic {
			topic = nil
		}
	}
	expiry, expires := uint32(0), false
	props := 0
	if form.V5 {
		props = int(m.propLen)
		if expiry, expires = m.Remaining(now); expires {
			props += 5
		}
		if x != nil {
			if x.Alias != 0 {
				props += 3
			}
			for _, id := range x.IDs {
				props += 1 + mqtt.VarintSize(int(id))
			}
		}
	}
	remaining := 2 + len(topic) + len(payload)
	if form.QoS > 0 {
		remaining += 2
	}
	if form.V5 {
		remaining += mqtt.VarintSize(props) + props
	}

	h := append(f.head[:0], firstByte(form))
	h = mqtt.AppendVarint(h, remaining)
	h = mqtt.AppendString(h, topic)
	if form.QoS > 0 {
		f.pid = int32(len(h))
		h = append(h, 0, 0)
	}
	if form.V5 {
		h = mqtt.AppendVarint(h, props)
		h = append(h, m.Props()...)
		if expires { // [MQTT-3.3.2-6]
			h = binary.BigEndian.AppendUint32(append(h, byte(mqtt.PropMessageExpiry)), expiry)
		}
		if x != nil {
			if x.Alias != 0 {
				h = binary.BigEndian.AppendUint16(append(h, byte(mqtt.PropTopicAlias)), x.Alias)
			}
			for _, id := range x.IDs { // [MQTT-3.3.4-4]
				h = mqtt.AppendVarint(append(h, byte(mqtt.PropSubscriptionID)), int(id))
			}
		}
	}
	if len(payload) >= largePayload {
		m.Hold(1)
		f.msg, f.tail = m, payload
	} else {
		h = append(h, payload...)
	}
	f.head = h
	return f
}

func firstByte(form Form) byte {
	b := byte(mqtt.PUBLISH)<<4 | form.QoS<<1
	if form.Retain {
		b |= 1
	}
	if form.Dup {
		b |= 8
	}
	return b
}

// Forms remembers the frames of one message on one loop, so that each form is encoded once, on first use.
type Forms struct{ f [16]*Frame }

// Get gives the frame of m in the form, without a reference of the caller's own.
func (s *Forms) Get(p *Pool, m *Message, form Form, now time.Duration) *Frame {
	i := form.QoS
	if form.V5 {
		i |= 4
	}
	if form.Retain {
		i |= 8
	}
	if s.f[i] == nil {
		s.f[i] = p.Encode(m, form, nil, now)
	}
	return s.f[i]
}

// Done gives the remembered frames back.
func (s *Forms) Done(p *Pool) {
	for i, f := range s.f {
		if f != nil {
			p.ReleaseFrame(f)
			s.f[i] = nil
		}
	}
}
