package mqtt

// Disconnect is the DISCONNECT packet. In 3.x it is empty and comes from clients only.
type Disconnect struct {
	Reason Reason
	Props  Properties
}

var (
	faultDisconnectFlags  = newFault(MalformedPacket, "MQTT-3.14.1-1", "MQTT-3.14.1-1", "DISCONNECT whose flags are not 0000")
	faultDisconnectReason = newFault(ProtocolError, "MQTT-3.14.2-1", "", "DISCONNECT with a reason code that is not its own")
)

// Decode reads a DISCONNECT. Without a reason code Reason is NormalDisconnection.
func (d *Disconnect) Decode(from Peer, flags byte, body []byte) error {
	d.Props.clear()
	d.Reason = NormalDisconnection
	if err := checkFlags(from, flags, 0, faultDisconnectFlags); err != nil {
		return err // [MQTT-3.14.1-1]
	}
	f := newFields(from, body)
	if !DISCONNECT.LegalFrom(from) {
		f.fail(faultDirection)
	}
	if from.Version < V5 || len(f.b) == 0 {
		return f.end()
	}
	d.Reason = Reason(f.byte(faultTruncated))
	if !d.Reason.LegalIn(DISCONNECT, from.Server) {
		f.fail(faultDisconnectReason) // [MQTT-3.14.2-1]
	}
	if len(f.b) > 0 {
		sc := inDisconnectFromClient
		if from.Server {
			sc = inDisconnectFromServer
		}
		f.properties(&d.Props, sc)
	}
	return f.end()
}

// AppendTo appends the packet in its shortest form.
func (d *Disconnect) AppendTo(dst []byte, v Version, max int) []byte {
	if v < V5 {
		return appendHeader(dst, DISCONNECT, 0, 0)
	}
	// Either side's properties: which side writes this packet its fields tell.
	sc := inDisconnectFromServer
	if d.Props.Has(PropSessionExpiry) {
		sc = inDisconnectFromClient
	}
	set, size := d.Props.fit(sc, 1, max)
	switch {
	case set != 0:
		dst = appendHeader(dst, DISCONNECT, 0, 1+VarintSize(size)+size)
		return d.Props.appendBlock(append(dst, byte(d.Reason)), set, size)
	case d.Reason != NormalDisconnection:
		return append(appendHeader(dst, DISCONNECT, 0, 1), byte(d.Reason))
	}
	return appendHeader(dst, DISCONNECT, 0, 0)
}
