package mqtt

// Connack is the CONNACK packet. Reason is a code of 5.0 in all versions.
type Connack struct {
	SessionPresent bool
	Reason         Reason
	Props          Properties
}

var (
	faultConnackFlags   = newFault(MalformedPacket, "MQTT-3.2.2-1", "", "reserved bits in the CONNACK flags")
	faultConnackReason  = newFault(ProtocolError, "MQTT-3.2.2-8", "", "CONNACK with a code that is not its own")
	faultConnackSession = newFault(ProtocolError, "MQTT-3.2.2-6", "MQTT-3.2.2-4", "Session Present in a CONNACK that refuses")
)

// Decode reads a CONNACK. The return codes of 3.x become the codes of 5.0 that
// mean the same. 3.1 has no Session Present; its byte is unused there.
func (c *Connack) Decode(from Peer, flags byte, body []byte) error {
	c.Props.clear()
	c.SessionPresent, c.Reason = false, Success
	if err := checkFlags(from, flags, 0, faultFlags); err != nil {
		return err
	}
	f := newFields(from, body)
	ackFlags := f.byte(faultTruncated)
	code := f.byte(faultTruncated)
	f.properties(&c.Props, inConnack)
	if err := f.end(); err != nil {
		return err
	}
	if from.Version == V31 {
		ackFlags = 0
	}
	if ackFlags > 1 {
		return faultConnackFlags.at(f.site) // [MQTT-3.2.2-1]
	}
	switch {
	case from.Version >= V5:
		c.Reason = Reason(code)
	case int(code) < len(connackV3):
		c.Reason = connackV3[code]
	default:
		return faultConnackReason.at(f.site)
	}
	if !connackReasons.has(c.Reason) {
		return faultConnackReason.at(f.site) // [MQTT-3.2.2-8]
	}
	c.SessionPresent = ackFlags == 1
	if c.SessionPresent && c.Reason != Success {
		return faultConnackSession.at(f.site) // [MQTT-3.2.2-6] [MQTT-3.2.2-4 of 3.1.1]
	}
	return nil
}

// AppendTo appends the packet. For 3.x Reason is mapped by ConnackV3; a reason
// that has no return code there appends nothing, and the connection is just closed.
// [MQTT-3.2.2-6 of 3.1.1]
func (c *Connack) AppendTo(dst []byte, v Version, max int) []byte {
	var ackFlags byte
	if c.SessionPresent && c.Reason == Success && v != V31 { // [MQTT-3.2.2-6]
		ackFlags = 1
	}
	if v < V5 {
		code, ok := c.Reason.ConnackV3()
		if !ok {
			return dst
		}
		return append(appendHeader(dst, CONNACK, 0, 2), ackFlags, code)
	}
	set, size := c.Props.fit(inConnack, 2, max)
	dst = append(appendHeader(dst, CONNACK, 0, 2+VarintSize(size)+size), ackFlags, byte(c.Reason))
	return c.Props.appendBlock(dst, set, size)
}
