package enginetest

import "encoding/binary"

// Building packets: every function returns bytes, so that a case can put together what no codec would.

// packetOf returns a packet: its first byte, the remaining length, and the parts of its body one behind the other.
func packetOf(first byte, parts ...[]byte) []byte {
	body := cat(parts...)
	return cat([]byte{first}, varint(uint32(len(body))), body)
}

func cat(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// u8 and the like are the field types of the specification.
func u8(v ...byte) []byte { return v }
func u16(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }
func u32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }
func str(s string) []byte { return cat(u16(uint16(len(s))), []byte(s)) }
func varint(v uint32) []byte {
	var b []byte
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

// Property identifiers.
const (
	propPayloadFormat           = 0x01
	propMessageExpiry           = 0x02
	propContentType             = 0x03
	propResponseTopic           = 0x08
	propCorrelationData         = 0x09
	propSubscriptionID          = 0x0B
	propSessionExpiry           = 0x11
	propAssignedClientID        = 0x12
	propServerKeepAlive         = 0x13
	propAuthMethod              = 0x15
	propAuthData                = 0x16
	propRequestProblem          = 0x17
	propWillDelay               = 0x18
	propRequestResponse         = 0x19
	propResponseInfo            = 0x1A
	propServerReference         = 0x1C
	propReasonString            = 0x1F
	propReceiveMaximum          = 0x21
	propTopicAliasMaximum       = 0x22
	propTopicAlias              = 0x23
	propMaximumQoS              = 0x24
	propRetainAvailable         = 0x25
	propUser                    = 0x26
	propMaximumPacketSize       = 0x27
	propWildcardAvailable       = 0x28
	propSubscriptionIDAvailable = 0x29
	propSharedAvailable         = 0x2A
)

// p8 and the like return one property: identifier and value. Strings and binary data look alike.
func p8(id, v byte) []byte             { return []byte{id, v} }
func p16(id byte, v uint16) []byte     { return cat(u8(id), u16(v)) }
func p32(id byte, v uint32) []byte     { return cat(u8(id), u32(v)) }
func pVar(id byte, v uint32) []byte    { return cat(u8(id), varint(v)) }
func pStr(id byte, s string) []byte    { return cat(u8(id), str(s)) }
func pUser(name, value string) []byte  { return cat(u8(propUser), str(name), str(value)) }
func propBlock(props ...[]byte) []byte { b := cat(props...); return cat(varint(uint32(len(b))), b) }
func propsOf(level byte, p [][]byte) []byte {
	if level < 5 {
		return nil
	}
	return propBlock(p...)
}

// Connect is a CONNECT as a well-behaved client sends it. The zero value has an id of its own and a clean start.
type Connect struct {
	ID             string   // empty: t.id("c")
	NoID           bool     // send the empty client identifier
	Keep           bool     // Clean Session / Clean Start is 0
	KeepAlive      uint16   // seconds; 0 is off
	Will           *Will    // nil: none
	User, Password string   // empty: field and flag are left out
	Props          [][]byte // 5.0
	Level          byte     // protocol level if not the case's own
}

// Will is the will of a Connect.
type Will struct {
	Topic, Payload string
	QoS            byte
	Retain         bool
	Props          [][]byte // 5.0
}

func (c Connect) encode() []byte {
	var flags byte
	payload := str(c.ID)
	if !c.Keep {
		flags |= 0x02
	}
	if w := c.Will; w != nil {
		flags |= 0x04 | w.QoS<<3 | bit(w.Retain, 0x20)
		payload = cat(payload, propsOf(c.Level, w.Props), str(w.Topic), str(w.Payload))
	}
	if c.User != "" {
		flags |= 0x80
		payload = cat(payload, str(c.User))
	}
	if c.Password != "" {
		flags |= 0x40
		payload = cat(payload, str(c.Password))
	}
	return connectRaw(c.Level, flags, c.KeepAlive, c.Props, payload)
}

// connectRaw is a CONNECT with these flags and this payload, right or wrong.
func connectRaw(level, flags byte, keepAlive uint16, props [][]byte, payload ...[]byte) []byte {
	name := "MQTT"
	if level == 3 {
		name = "MQIsdp"
	}
	return packetOf(0x10, str(name), u8(level, flags), u16(keepAlive), propsOf(level, props), cat(payload...))
}

// Message is a PUBLISH, sent or received.
type Message struct {
	Topic   string
	Payload string
	QoS     byte
	Retain  bool
	Dup     bool
	ID      uint16
	Props   [][]byte // to send (5.0)
	props   props    // received (5.0)
}

func (m Message) encode(level byte) []byte {
	var id []byte
	if m.QoS > 0 {
		id = u16(m.ID)
	}
	first := 0x30 | bit(m.Dup, 0x08) | m.QoS<<1 | bit(m.Retain, 0x01)
	return packetOf(first, str(m.Topic), id, propsOf(level, m.Props), []byte(m.Payload))
}

// ack is a PUBACK, PUBREC, PUBREL or PUBCOMP (first byte 40, 50, 62, 70) in its short form.
func ack(first byte, id uint16) []byte { return packetOf(first, u16(id)) }

// subscribe is a SUBSCRIBE for these filters, each encoded by filter.
func subscribe(level byte, id uint16, p [][]byte, filters ...[]byte) []byte {
	return packetOf(0x82, u16(id), propsOf(level, p), cat(filters...))
}

// filter is one entry of a SUBSCRIBE: topic filter and options (the QoS, in 3.x).
func filter(f string, options byte) []byte { return cat(str(f), u8(options)) }

// unsubscribe is an UNSUBSCRIBE for these filters.
func unsubscribe(level byte, id uint16, filters ...string) []byte {
	b := cat(u16(id), propsOf(level, nil))
	for _, f := range filters {
		b = append(b, str(f)...)
	}
	return packetOf(0xA2, b)
}

func bit(on bool, mask byte) byte {
	if on {
		return mask
	}
	return 0
}
