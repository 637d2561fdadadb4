package mqtt

// Unsubscribe is the UNSUBSCRIBE packet.
type Unsubscribe struct {
	ID      uint16
	Props   Properties
	Filters [][]byte
}

var (
	faultUnsubscribeFlags = newFault(MalformedPacket, "MQTT-3.10.1-1", "MQTT-3.10.1-1", "UNSUBSCRIBE whose flags are not 0010")
	faultNoUnsubscribe    = newFault(ProtocolError, "MQTT-3.10.3-2", "MQTT-3.10.3-2", "UNSUBSCRIBE without a filter")
)

// Decode reads an UNSUBSCRIBE. The syntax of the filters is left to who looks them up.
func (u *Unsubscribe) Decode(from Peer, flags byte, body []byte) error {
	u.Props.clear()
	u.ID, u.Filters = 0, recycle(u.Filters)
	if err := checkFlags(from, flags, 2, faultUnsubscribeFlags); err != nil {
		return err // [MQTT-3.10.1-1]
	}
	f := newFields(from, body)
	u.ID = f.id(faultClientID0)
	f.properties(&u.Props, inUnsubscribe)
	if f.err == nil && len(f.b) == 0 {
		f.fail(faultNoUnsubscribe) // [MQTT-3.10.3-2]
	}
	for len(f.b) > 0 {
		filter := f.text(faultTruncated) // [MQTT-3.10.3-1]
		u.Filters = append(grow(u.Filters, len(f.b)/2), filter)
	}
	return f.end()
}

// AppendTo appends the packet.
func (u *Unsubscribe) AppendTo(dst []byte, v Version, max int) []byte {
	n := 2
	for _, filter := range u.Filters {
		n += stringSize(filter)
	}
	var set uint64
	var size int
	if v >= V5 {
		set, size = u.Props.fit(inUnsubscribe, n, max)
		n += VarintSize(size) + size
	}
	dst = appendUint16(appendHeader(dst, UNSUBSCRIBE, 2, n), u.ID)
	if v >= V5 {
		dst = u.Props.appendBlock(dst, set, size)
	}
	for _, filter := range u.Filters {
		dst = AppendString(dst, filter)
	}
	return dst
}
