package mqtt

// Auth is the AUTH packet of 5.0.
type Auth struct {
	Reason Reason
	Props  Properties
}

var (
	faultAuthFlags    = newFault(MalformedPacket, "MQTT-3.15.1-1", "", "AUTH whose flags are not 0000")
	faultAuthReason   = newFault(ProtocolError, "MQTT-3.15.2-1", "", "AUTH with a reason code that is not its own")
	faultAuthNoMethod = newFault(ProtocolError, "MQTT-4.12.0-5", "", "AUTH without Authentication Method")
)

// Decode reads an AUTH, which is never without Authentication Method.
func (a *Auth) Decode(from Peer, flags byte, body []byte) error {
	a.Props.clear()
	a.Reason = Success
	f := newFields(from, body)
	if from.Version < V5 {
		f.fail(faultDirection)
		return f.err
	}
	if err := checkFlags(from, flags, 0, faultAuthFlags); err != nil {
		return err // [MQTT-3.15.1-1]
	}
	if len(f.b) > 0 {
		a.Reason = Reason(f.byte(faultTruncated))
		f.properties(&a.Props, inAuth)
	}
	if err := f.end(); err != nil {
		return err
	}
	if !a.Reason.LegalIn(AUTH, from.Server) {
		return faultAuthReason.at(f.site) // [MQTT-3.15.2-1]
	}
	if !a.Props.Has(PropAuthMethod) {
		return faultAuthNoMethod.at(f.site) // [MQTT-4.12.0-5]
	}
	return nil
}

// AppendTo appends the packet. Before 5.0 there is none, and nothing is appended.
func (a *Auth) AppendTo(dst []byte, v Version, max int) []byte {
	if v < V5 {
		return dst
	}
	set, size := a.Props.fit(inAuth, 1, max)
	if set == 0 && a.Reason == Success {
		return appendHeader(dst, AUTH, 0, 0)
	}
	dst = appendHeader(dst, AUTH, 0, 1+VarintSize(size)+size)
	return a.Props.appendBlock(append(dst, byte(a.Reason)), set, size)
}
