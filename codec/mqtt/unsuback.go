package mqtt

// Unsuback is the UNSUBACK packet: in 5.0 a code per filter of the UNSUBSCRIBE,
// in its order; in 3.x only the identifier.
type Unsuback struct {
	ID    uint16
	Props Properties
	Codes []Reason
}

var (
	faultUnsubackReason = newFault(ProtocolError, "MQTT-3.11.3-2", "", "UNSUBACK with a code that is not its own")
	faultUnsubackEmpty  = newFault(MalformedPacket, "MQTT-3.11.3-1", "", "UNSUBACK without a code")
)

// Decode reads an UNSUBACK.
func (u *Unsuback) Decode(from Peer, flags byte, body []byte) error {
	u.Props.clear()
	u.ID, u.Codes = 0, recycle(u.Codes)
	if err := checkFlags(from, flags, 0, faultFlags); err != nil {
		return err
	}
	f := newFields(from, body)
	u.ID = f.id(faultSubackID0) // [MQTT-2.2.1-6]
	if from.Version >= V5 {
		f.properties(&u.Props, inAck)
		u.Codes = f.codes(u.Codes, &unsubackReasons, faultUnsubackEmpty, faultUnsubackReason) // [MQTT-3.11.3-2]
	}
	return f.end()
}

// AppendTo appends the packet.
func (u *Unsuback) AppendTo(dst []byte, v Version, max int) []byte {
	if v < V5 {
		return appendUint16(appendHeader(dst, UNSUBACK, 0, 2), u.ID)
	}
	n := 2 + len(u.Codes)
	set, size := u.Props.fit(inAck, n, max)
	dst = appendUint16(appendHeader(dst, UNSUBACK, 0, n+VarintSize(size)+size), u.ID)
	dst = u.Props.appendBlock(dst, set, size)
	return appendCodes(dst, u.Codes)
}
