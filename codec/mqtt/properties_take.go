package mqtt

import "encoding/binary"

var (
	faultNoLength      = newFault(MalformedPacket, "MQTT-2.2.2-1", "", "the property length is missing")
	faultUnknownProp   = newFault(MalformedPacket, "", "", "unknown property")
	faultMisplacedProp = newFault(MalformedPacket, "", "", "the property does not belong into this packet")
	faultSubIDInbound  = newFault(ProtocolError, "MQTT-3.3.4-6", "", "Subscription Identifier in a PUBLISH from a client")
	faultExpiryInbound = newFault(ProtocolError, "MQTT-3.14.2-2", "", "Session Expiry Interval in a DISCONNECT from a server")
	faultDuplicateProp = newFault(ProtocolError, "", "", "the property is there twice")
	faultPropValue     = newFault(ProtocolError, "", "", "the property's value is out of range")
	faultAliasZero     = newFault(TopicAliasInvalid, "MQTT-3.3.2-8", "", "Topic Alias 0")
	faultResponseWild  = newFault(ProtocolError, "MQTT-3.3.2-14", "", "wildcard in the Response Topic")
	faultResponseEmpty = newFault(ProtocolError, "MQTT-4.7.3-1", "", "empty Response Topic")
)

// take reads the property block at the start of b, with its length, into p
// (which is empty) and returns what stands behind it.
func (p *Properties) take(b []byte, sc scope, at site) (rest []byte, err error) {
	n, size := readVarint(b)
	switch {
	case len(b) == 0:
		return nil, faultNoLength.at(at) // [MQTT-2.2.2-1]
	case size == 0:
		return nil, faultTruncated.at(at)
	case size < 0 || size != VarintSize(n):
		return nil, faultVarint.at(at) // [MQTT-1.5.5-1]
	case size+n > len(b):
		return nil, faultTruncated.at(at)
	}
	if why := p.read(b[size:size+n:size+n], sc); why != nil {
		return nil, why.at(at)
	}
	return b[size+n:], nil
}

// read reads a whole block without its length.
func (p *Properties) read(b []byte, sc scope) (why *fault) {
	for len(b) > 0 {
		id := PropID(b[0])
		if id >= propLimit || kinds[id] == kindNone {
			return faultUnknownProp
		}
		if allowed[sc]>>id&1 == 0 {
			return misplaced(id, sc)
		}
		if p.has>>id&1 != 0 {
			return faultDuplicateProp
		}
		switch kinds[id] {
		case kindPair:
			b, why = p.readPair(b[1:])
		case kindVarint:
			b, why = p.readSubscriptionID(b[1:], sc)
		case kindText, kindBinary:
			b, why = p.readBytes(id, b[1:])
		default:
			b, why = p.readNumber(id, b[1:])
		}
		if why != nil {
			return why
		}
	}
	return nil
}

func misplaced(id PropID, sc scope) *fault {
	switch {
	case id == PropSubscriptionID && sc == inPublishFromClient:
		return faultSubIDInbound // [MQTT-3.3.4-6]
	case id == PropSessionExpiry && sc == inDisconnectFromServer:
		return faultExpiryInbound // [MQTT-3.14.2-2]
	}
	return faultMisplacedProp
}

func (p *Properties) readNumber(id PropID, b []byte) (rest []byte, why *fault) {
	p.has |= 1 << id
	switch kinds[id] {
	case kindFlag:
		if len(b) < 1 {
			return nil, faultTruncated
		}
		if b[0] > 1 {
			return nil, faultPropValue
		}
		*p.flag(id) = b[0]
		return b[1:], nil
	case kindUint16:
		if len(b) < 2 {
			return nil, faultTruncated
		}
		v := binary.BigEndian.Uint16(b)
		*p.uint16(id) = v
		if v == 0 && id == PropTopicAlias {
			return nil, faultAliasZero // [MQTT-3.3.2-8]
		}
		if v == 0 && id == PropReceiveMaximum {
			return nil, faultPropValue
		}
		return b[2:], nil
	}
	if len(b) < 4 {
		return nil, faultTruncated
	}
	v := binary.BigEndian.Uint32(b)
	*p.uint32(id) = v
	if v == 0 && id == PropMaximumPacketSize {
		return nil, faultPropValue
	}
	return b[4:], nil
}

func (p *Properties) readBytes(id PropID, b []byte) (rest []byte, why *fault) {
	v, rest, ok := takeBinary(b)
	if !ok {
		return nil, faultTruncated
	}
	switch {
	case id == PropResponseTopic && len(v) == 0:
		return nil, faultResponseEmpty
	case id == PropResponseTopic:
		why = checkName(v, faultResponseWild) // [MQTT-3.3.2-13] [MQTT-3.3.2-14]
	case kinds[id] == kindText:
		why = checkText(v) // [MQTT-3.3.2-19] among others
	}
	p.has |= 1 << id
	*p.bytes(id) = v
	return rest, why
}

// readSubscriptionID reads an identifier; a server's PUBLISH may hold several. [MQTT-3.3.4-3]
func (p *Properties) readSubscriptionID(b []byte, sc scope) (rest []byte, why *fault) {
	if sc == inSubscribe && len(p.SubscriptionIDs) > 0 {
		return nil, faultDuplicateProp
	}
	n, size := readVarint(b)
	switch {
	case size == 0:
		return nil, faultTruncated
	case size < 0 || size != VarintSize(n):
		return nil, faultVarint
	case n == 0:
		return nil, faultPropValue
	}
	rest = b[size:]
	p.SubscriptionIDs = append(grow(p.SubscriptionIDs, len(rest)/2), uint32(n))
	return rest, nil
}

// readPair reads a User Property. Their order is kept. [MQTT-3.3.2-18] [MQTT-3.1.3-10]
func (p *Properties) readPair(b []byte) (rest []byte, why *fault) {
	name, rest, ok := takeBinary(b)
	if !ok {
		return nil, faultTruncated
	}
	value, rest, ok := takeBinary(rest)
	if !ok {
		return nil, faultTruncated
	}
	for _, s := range [...][]byte{name, value} {
		switch checkText(s) {
		case faultNotUTF8:
			return nil, faultPairNotUTF8 // [MQTT-1.5.7-1]
		case faultNUL:
			return nil, faultNUL
		}
	}
	p.User = append(grow(p.User, len(rest)/5), UserProperty{name, value})
	return rest, nil
}

// grow makes room for one entry more. It doubles, but never beyond what the
// bytes not yet read could still hold, so that what is allocated stays in
// proportion to what arrived: at most 48 bytes for the five of a User Property.
func grow[T any](s []T, more int) []T {
	if len(s) < cap(s) {
		return s
	}
	bigger := make([]T, len(s), len(s)+1+min(more, len(s)+3))
	copy(bigger, s)
	return bigger
}

// takeBinary takes bytes behind a two-byte length.
func takeBinary(b []byte) (v, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	end := 2 + int(b[0])<<8 + int(b[1])
	if end > len(b) {
		return nil, nil, false
	}
	return b[2:end:end], b[end:], true
}
