package mqtt

import "bytes"

// Subscribe is the SUBSCRIBE packet.
type Subscribe struct {
	ID      uint16
	Props   Properties
	Filters []Subscription
}

// Subscription is a topic filter and its options byte. 3.x has the QoS only.
type Subscription struct {
	Filter  []byte
	Options byte
}

// The bits of the options byte above the QoS.
const (
	optionNoLocal  = 1 << 2
	optionRetainAs = 1 << 3
	retainShift    = 4
)

// SubscriptionOptions makes the options byte of a Subscription.
func SubscriptionOptions(qos byte, noLocal, retainAsPublished bool, retainHandling byte) byte {
	o := qos | retainHandling<<retainShift
	if noLocal {
		o |= optionNoLocal
	}
	if retainAsPublished {
		o |= optionRetainAs
	}
	return o
}

// QoS returns the maximum QoS asked for.
func (s Subscription) QoS() byte { return s.Options & 3 }

// NoLocal reports whether the subscriber's own messages are left out.
func (s Subscription) NoLocal() bool { return s.Options&optionNoLocal != 0 }

// RetainAsPublished reports whether forwarded messages keep their RETAIN flag.
func (s Subscription) RetainAsPublished() bool { return s.Options&optionRetainAs != 0 }

// RetainHandling returns when retained messages are sent: 0 at every SUBSCRIBE,
// 1 at a new subscription, 2 never.
func (s Subscription) RetainHandling() byte { return s.Options >> retainShift & 3 }

var sharePrefix = []byte("$share/")

var (
	faultSubscribeFlags = newFault(MalformedPacket, "MQTT-3.8.1-1", "MQTT-3.8.1-1", "SUBSCRIBE whose flags are not 0010")
	faultNoFilters      = newFault(ProtocolError, "MQTT-3.8.3-2", "MQTT-3.8.3-3", "SUBSCRIBE without a filter")
	faultOptions3       = newFault(MalformedPacket, "", "MQTT-3.8.3-4", "requested QoS 3, or upper bits set next to it")
	faultOptionsBits    = newFault(MalformedPacket, "MQTT-3.8.3-5", "", "reserved bits in the subscription options")
	faultOptionsValue   = newFault(ProtocolError, "", "", "subscription options with QoS 3 or Retain Handling 3")
	faultSharedNoLocal  = newFault(ProtocolError, "MQTT-3.8.3-4", "", "No Local on a shared subscription")
)

// Decode reads a SUBSCRIBE. The syntax of the filters, including that they are
// not empty, is left to who can answer each of them.
func (s *Subscribe) Decode(from Peer, flags byte, body []byte) error {
	s.Props.clear()
	s.ID, s.Filters = 0, recycle(s.Filters)
	if err := checkFlags(from, flags, 2, faultSubscribeFlags); err != nil {
		return err // [MQTT-3.8.1-1]
	}
	f := newFields(from, body)
	s.ID = f.id(faultClientID0)
	f.properties(&s.Props, inSubscribe)
	if f.err == nil && len(f.b) == 0 {
		f.fail(faultNoFilters) // [MQTT-3.8.3-2] [MQTT-3.8.3-3 of 3.1.1]
	}
	for len(f.b) > 0 {
		sub := Subscription{Filter: f.text(faultTruncated)} // [MQTT-3.8.3-1]
		sub.Options = f.byte(faultTruncated)
		if from.Version == V31 {
			sub.Options &= 3 // the other bits are unused
		}
		if f.err == nil {
			if why := checkOptions(from.Version, sub); why != nil {
				f.fail(why)
			}
		}
		s.Filters = append(grow(s.Filters, len(f.b)/3), sub)
	}
	return f.end()
}

func checkOptions(v Version, s Subscription) *fault {
	switch {
	case v < V5 && s.Options > 2:
		return faultOptions3 // [MQTT-3.8.3-4 of 3.1.1]
	case v < V5:
		return nil
	case s.Options&0xC0 != 0:
		return faultOptionsBits // [MQTT-3.8.3-5]
	case s.QoS() == 3 || s.RetainHandling() == 3:
		return faultOptionsValue
	case s.NoLocal() && bytes.HasPrefix(s.Filter, sharePrefix):
		return faultSharedNoLocal // [MQTT-3.8.3-4]
	}
	return nil
}

// AppendTo appends the packet; for 3.x the options are cut down to the QoS.
func (s *Subscribe) AppendTo(dst []byte, v Version, max int) []byte {
	n := 2
	for i := range s.Filters {
		n += stringSize(s.Filters[i].Filter) + 1
	}
	options := byte(3)
	var set uint64
	var size int
	if v >= V5 {
		options = 0x3F
		set, size = s.Props.fit(inSubscribe, n, max)
		n += VarintSize(size) + size
	}
	dst = appendUint16(appendHeader(dst, SUBSCRIBE, 2, n), s.ID)
	if v >= V5 {
		dst = s.Props.appendBlock(dst, set, size)
	}
	for i := range s.Filters {
		dst = append(AppendString(dst, s.Filters[i].Filter), s.Filters[i].Options&options)
	}
	return dst
}

// recycle empties a list that points into some packet, and lets it go when one
// packet made it large.
func recycle[T any](list []T) []T {
	clear(list)
	if cap(list) > keptEntries {
		return nil
	}
	return list[:0]
}
