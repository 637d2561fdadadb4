package enginetest

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// packet is a control packet as it came: first byte, body, and the whole of it.
type packet struct {
	first byte
	body  []byte
	raw   []byte
}

// Packet types, by the upper half of the first byte.
const (
	typConnack    = 0x20
	typPublish    = 0x30
	typPuback     = 0x40
	typPubrec     = 0x50
	typPubrel     = 0x60
	typPubcomp    = 0x70
	typSuback     = 0x90
	typUnsuback   = 0xB0
	typPingresp   = 0xD0
	typDisconnect = 0xE0
	typAuth       = 0xF0
)

func (p packet) typ() byte { return p.first & 0xF0 }

func (p packet) String() string {
	if len(p.raw) > 64 {
		return fmt.Sprintf("% X ... (%d bytes)", p.raw[:64], len(p.raw))
	}
	return fmt.Sprintf("% X", p.raw)
}

// readPacket reads one packet. A remaining length of more than four bytes, or one not in its shortest form, is an error.
func readPacket(r *bufio.Reader) (packet, error) {
	first, err := r.ReadByte()
	if err != nil {
		return packet{}, err
	}
	raw := []byte{first}
	n, shift := 0, 0
	for {
		b, err := r.ReadByte()
		if err != nil {
			return packet{}, fmt.Errorf("after % X: %w", raw, err)
		}
		raw = append(raw, b)
		n |= int(b&0x7F) << shift
		if b < 0x80 {
			if b == 0 && shift > 0 {
				return packet{}, fmt.Errorf("remaining length % X is not in its shortest form", raw[1:])
			}
			break
		}
		if shift += 7; shift > 21 {
			return packet{}, fmt.Errorf("remaining length % X has no end", raw[1:])
		}
	}
	head := len(raw)
	raw = append(raw, make([]byte, n)...)
	if _, err := io.ReadFull(r, raw[head:]); err != nil {
		return packet{}, fmt.Errorf("in the body of % X: %w", raw[:head], err)
	}
	return packet{first: first, body: raw[head:], raw: raw}, nil
}

// prop is one received property. What counts of num, value and name depends on its type; name belongs to user properties.
type prop struct {
	id    byte
	num   uint32
	value string
	name  string
}

// props are the properties of a packet in the order they came.
type props []prop

// get returns the first property with this identifier.
func (ps props) get(id byte) (prop, bool) {
	for _, p := range ps {
		if p.id == id {
			return p, true
		}
	}
	return prop{}, false
}

// all returns every property with this identifier.
func (ps props) all(id byte) props {
	var found props
	for _, p := range ps {
		if p.id == id {
			found = append(found, p)
		}
	}
	return found
}

// cursor reads fields off a body; the first field that is not there spoils it for good.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) take(n int) []byte {
	if c.bad || n > len(c.b) {
		c.bad = true
		return make([]byte, min(n, 4)) // room for any number, so that callers need no check
	}
	b := c.b[:n]
	c.b = c.b[n:]
	return b
}

func (c *cursor) u8() byte    { return c.take(1)[0] }
func (c *cursor) u16() uint16 { return binary.BigEndian.Uint16(c.take(2)) }
func (c *cursor) u32() uint32 { return binary.BigEndian.Uint32(c.take(4)) }
func (c *cursor) str() string { return string(c.take(int(c.u16()))) }

func (c *cursor) varint() uint32 {
	var v uint32
	for shift := 0; shift < 28; shift += 7 {
		b := c.u8()
		v |= uint32(b&0x7F) << shift
		if b < 0x80 {
			c.bad = c.bad || b == 0 && shift > 0 // [MQTT-1.5.5-1]
			return v
		}
	}
	c.bad = true
	return v
}

// props reads a property block.
func (c *cursor) props() props {
	block := cursor{b: c.take(int(c.varint()))}
	var ps props
	for len(block.b) > 0 && !block.bad {
		p := prop{id: block.u8()}
		switch p.id {
		case propPayloadFormat, propRequestProblem, propRequestResponse, propMaximumQoS, propRetainAvailable,
			propWildcardAvailable, propSubscriptionIDAvailable, propSharedAvailable:
			p.num = uint32(block.u8())
		case propServerKeepAlive, propReceiveMaximum, propTopicAliasMaximum, propTopicAlias:
			p.num = uint32(block.u16())
		case propMessageExpiry, propSessionExpiry, propWillDelay, propMaximumPacketSize:
			p.num = block.u32()
		case propSubscriptionID:
			p.num = block.varint()
		case propUser:
			p.name, p.value = block.str(), block.str()
		case propContentType, propResponseTopic, propCorrelationData, propAssignedClientID, propAuthMethod, propAuthData,
			propResponseInfo, propServerReference, propReasonString:
			p.value = block.str()
		default:
			block.bad = true
		}
		ps = append(ps, p)
	}
	c.bad = c.bad || block.bad
	return ps
}

// reply is a received packet other than PUBLISH, taken apart. Fields that its type does not have stay zero.
type reply struct {
	flags byte   // CONNACK
	id    uint16 // acknowledgements
	code  byte   // the one reason code, 00 where a short form leaves it out
	codes []byte // SUBACK, UNSUBACK
	props props  // 5.0
}

// parseReply takes p apart; an error names what is wrong with its bytes.
func parseReply(level byte, p packet) (reply, error) {
	c := cursor{b: p.body}
	var r reply
	v5 := level >= 5
	switch p.typ() {
	case typConnack:
		r.flags, r.code = c.u8(), c.u8()
		if v5 {
			r.props = c.props()
		}
	case typPuback, typPubrec, typPubrel, typPubcomp:
		r.id = c.u16()
		c.optional(v5, &r)
	case typSuback, typUnsuback:
		r.id = c.u16()
		if v5 {
			r.props = c.props()
		}
		if v5 || p.typ() == typSuback {
			r.codes = c.take(len(c.b))
		}
	case typDisconnect, typAuth:
		c.optional(v5, &r)
	case typPingresp:
	default:
		return r, fmt.Errorf("packet of an unexpected type: %v", p)
	}
	if c.bad || len(c.b) > 0 {
		return r, fmt.Errorf("packet is not well formed: %v", p)
	}
	return r, nil
}

// optional reads a reason code and properties as far as the packet has them.
func (c *cursor) optional(v5 bool, r *reply) {
	if v5 && len(c.b) > 0 {
		r.code = c.u8()
	}
	if v5 && len(c.b) > 0 {
		r.props = c.props()
	}
}

// parsePublish takes a PUBLISH apart.
func parsePublish(level byte, p packet) (Message, error) {
	c := cursor{b: p.body}
	m := Message{QoS: p.first >> 1 & 3, Retain: p.first&0x01 != 0, Dup: p.first&0x08 != 0}
	m.Topic = c.str()
	if m.QoS > 0 {
		m.ID = c.u16()
	}
	if level >= 5 {
		m.props = c.props()
	}
	m.Payload = string(c.take(len(c.b)))
	switch {
	case p.typ() != typPublish:
		return m, fmt.Errorf("got %v, want a PUBLISH", p)
	case c.bad, m.QoS == 3, m.QoS > 0 && m.ID == 0:
		return m, fmt.Errorf("PUBLISH is not well formed: %v", p)
	}
	return m, nil
}
