package mqtt

import "encoding/binary"

// What a broker hands on with a message unchanged, in the order written here.
// [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-20]
const forwarded = 1<<PropPayloadFormat | 1<<PropContentType | 1<<PropResponseTopic |
	1<<PropCorrelationData | userBit

// AppendForward appends the properties that a broker forwards unchanged, User
// Properties last and in order, without a length in front: Message Expiry
// Interval, Topic Alias and Subscription Identifiers differ by receiver and are
// put next to them by who sends.
func (p *Properties) AppendForward(dst []byte) []byte {
	return p.append(dst, p.present()&forwarded)
}

// in returns which of the properties there are may stand in sc. Others are not
// written: a message's properties can be given to any packet.
func (p *Properties) in(sc scope) uint64 { return p.present() & allowed[sc] }

// fit is in for a packet of fixed bytes besides the properties and their length
// that should not exceed max bytes in all (0: any): User Properties and then the
// Reason String are left out if they would make it larger. It returns the size
// of the properties too. [MQTT-3.2.2-19] [MQTT-3.2.2-20] [MQTT-3.4.2-2]
// [MQTT-3.4.2-3] and their likes in each packet.
func (p *Properties) fit(sc scope, fixed, max int) (set uint64, size int) {
	set = p.in(sc)
	size = p.size(set)
	if max <= 0 {
		return set, size
	}
	for _, bit := range [...]uint64{userBit, 1 << PropReasonString} {
		if set&bit != 0 && packetSize(fixed+VarintSize(size)+size) > max {
			set &^= bit
			size = p.size(set)
		}
	}
	return set, size
}

func packetSize(remaining int) int { return 1 + VarintSize(remaining) + remaining }

// size returns the bytes that append writes.
func (p *Properties) size(set uint64) (n int) {
	for set != 0 {
		id := next(&set)
		switch kinds[id] {
		case kindFlag:
			n += 2
		case kindUint16:
			n += 3
		case kindUint32:
			n += 5
		case kindText, kindBinary:
			n += 1 + stringSize(*p.bytes(id))
		case kindVarint:
			for _, v := range p.SubscriptionIDs {
				n += 1 + VarintSize(int(v))
			}
		case kindPair:
			for i := range p.User {
				n += 1 + stringSize(p.User[i].Name) + stringSize(p.User[i].Value)
			}
		}
	}
	return n
}

// append writes the given properties, by rising identifier.
func (p *Properties) append(dst []byte, set uint64) []byte {
	for set != 0 {
		id := next(&set)
		switch kinds[id] {
		case kindFlag:
			dst = append(dst, byte(id), *p.flag(id))
		case kindUint16:
			dst = appendUint16(append(dst, byte(id)), *p.uint16(id))
		case kindUint32:
			dst = binary.BigEndian.AppendUint32(append(dst, byte(id)), *p.uint32(id))
		case kindText, kindBinary:
			dst = AppendString(append(dst, byte(id)), *p.bytes(id))
		case kindVarint:
			for _, v := range p.SubscriptionIDs {
				dst = AppendVarint(append(dst, byte(id)), int(v))
			}
		case kindPair:
			for i := range p.User {
				dst = AppendString(append(dst, byte(id)), p.User[i].Name)
				dst = AppendString(dst, p.User[i].Value)
			}
		}
	}
	return dst
}

// appendBlock writes the length and the properties. An empty set still has its
// length. [MQTT-2.2.2-1]
func (p *Properties) appendBlock(dst []byte, set uint64, size int) []byte {
	if set == 0 {
		return append(dst, 0)
	}
	return p.append(AppendVarint(dst, size), set)
}
