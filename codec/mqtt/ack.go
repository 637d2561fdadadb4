package mqtt

// Ack is PUBACK, PUBREC, PUBREL or PUBCOMP. Type says which, and is set before
// Decode as well.
type Ack struct {
	Type   Type
	ID     uint16
	Reason Reason
	Props  Properties
}

var (
	faultAckID0      = newFault(ProtocolError, "MQTT-2.2.1-5", "MQTT-2.3.1-6", "acknowledgement of packet identifier 0")
	faultPubrelFlags = newFault(MalformedPacket, "MQTT-3.6.1-1", "MQTT-3.6.1-1", "PUBREL whose flags are not 0010")

	faultPubackReason  = newFault(ProtocolError, "MQTT-3.4.2-1", "", "PUBACK with a reason code that is not its own")
	faultPubrecReason  = newFault(ProtocolError, "MQTT-3.5.2-1", "", "PUBREC with a reason code that is not its own")
	faultPubrelReason  = newFault(ProtocolError, "MQTT-3.6.2-1", "", "PUBREL with a reason code that is not its own")
	faultPubcompReason = newFault(ProtocolError, "MQTT-3.7.2-1", "", "PUBCOMP with a reason code that is not its own")
)

// ackFlags returns the flags of an acknowledgement, fixed by its type.
func ackFlags(t Type) byte {
	if t == PUBREL {
		return 2 // [MQTT-3.6.1-1]
	}
	return 0
}

func ackReasonFault(t Type) *fault {
	switch t {
	case PUBACK:
		return faultPubackReason
	case PUBREC:
		return faultPubrecReason
	case PUBREL:
		return faultPubrelReason
	}
	return faultPubcompReason
}

// Decode reads the packet of type a.Type. Without a reason code, as always in
// 3.x, Reason is Success.
func (a *Ack) Decode(from Peer, flags byte, body []byte) error {
	if len(body) == 2 && flags == ackFlags(a.Type) && body[0]|body[1] != 0 { // nearly always
		a.Props.clear()
		a.ID, a.Reason = uint16(body[0])<<8|uint16(body[1]), Success
		return nil
	}
	a.Props.clear()
	a.ID, a.Reason = 0, Success
	wrong := faultFlags
	if a.Type == PUBREL {
		wrong = faultPubrelFlags
	}
	if err := checkFlags(from, flags, ackFlags(a.Type), wrong); err != nil {
		return err
	}
	f := newFields(from, body)
	a.ID = f.id(faultAckID0)
	if from.Version < V5 || len(f.b) == 0 {
		return f.end()
	}
	a.Reason = Reason(f.byte(faultTruncated))
	if f.err == nil && !a.Reason.LegalIn(a.Type, from.Server) {
		f.fail(ackReasonFault(a.Type)) // [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1]
	}
	if len(f.b) > 0 {
		f.properties(&a.Props, inAck)
	}
	return f.end()
}

// AppendTo appends the packet, in 5.0 in the shortest of its three forms.
func (a *Ack) AppendTo(dst []byte, v Version, max int) []byte {
	if v < V5 {
		return AppendAck(dst, a.Type, a.ID, a.Reason, v)
	}
	set, size := a.Props.fit(inAck, 3, max)
	if set == 0 {
		return AppendAck(dst, a.Type, a.ID, a.Reason, v)
	}
	dst = appendHeader(dst, a.Type, ackFlags(a.Type), 3+VarintSize(size)+size)
	dst = append(dst, byte(a.ID>>8), byte(a.ID), byte(a.Reason))
	return a.Props.appendBlock(dst, set, size)
}

// AppendAck appends a PUBACK, PUBREC, PUBREL or PUBCOMP without properties. 3.x
// has no reason code to write.
func AppendAck(dst []byte, t Type, id uint16, r Reason, v Version) []byte {
	first := byte(t)<<4 | ackFlags(t)
	if v < V5 || r == Success {
		return append(dst, first, 2, byte(id>>8), byte(id))
	}
	return append(dst, first, 3, byte(id>>8), byte(id), byte(r))
}
