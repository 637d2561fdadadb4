package mqtt

// Suback is the SUBACK packet: a code per filter of the SUBSCRIBE, in its order.
type Suback struct {
	ID    uint16
	Props Properties
	Codes []Reason
}

var (
	faultSubackID0    = newFault(ProtocolError, "MQTT-2.2.1-6", "MQTT-2.3.1-7", "answer to packet identifier 0")
	faultSubackReason = newFault(ProtocolError, "MQTT-3.9.3-2", "MQTT-3.9.3-2", "SUBACK with a code that is not its own")
	faultSubackEmpty  = newFault(MalformedPacket, "MQTT-3.8.4-6", "MQTT-3.8.4-5", "SUBACK without a code")
)

// Decode reads a SUBACK.
func (s *Suback) Decode(from Peer, flags byte, body []byte) error {
	legal := &subackReasons
	if from.Version < V5 {
		legal = &subackReasonsV3
	}
	s.Props.clear()
	s.ID, s.Codes = 0, recycle(s.Codes)
	if err := checkFlags(from, flags, 0, faultFlags); err != nil {
		return err
	}
	f := newFields(from, body)
	s.ID = f.id(faultSubackID0) // [MQTT-2.2.1-6]
	f.properties(&s.Props, inAck)
	s.Codes = f.codes(s.Codes, legal, faultSubackEmpty, faultSubackReason) // [MQTT-3.9.3-2]
	return f.end()
}

// codes takes the rest of the body, which is a list of at least one legal code.
func (f *fields) codes(list []Reason, legal *reasonSet, none, illegal *fault) []Reason {
	if f.err == nil && len(f.b) == 0 {
		f.fail(none)
	}
	if cap(list) < len(f.b) {
		list = make([]Reason, 0, len(f.b))
	}
	for _, c := range f.b {
		if !legal.has(Reason(c)) {
			f.fail(illegal)
			break
		}
		list = append(list, Reason(c))
	}
	f.b = nil
	return list
}

// AppendTo appends the packet. 3.1.1 knows one failure, 0x80; 3.1 knows none, so
// there a filter that was refused looks granted at QoS 0.
func (s *Suback) AppendTo(dst []byte, v Version, max int) []byte {
	n := 2 + len(s.Codes)
	if v < V5 {
		dst = appendUint16(appendHeader(dst, SUBACK, 0, n), s.ID)
		for _, c := range s.Codes {
			dst = append(dst, subackCodeV3(c, v))
		}
		return dst
	}
	set, size := s.Props.fit(inAck, n, max)
	dst = appendUint16(appendHeader(dst, SUBACK, 0, n+VarintSize(size)+size), s.ID)
	dst = s.Props.appendBlock(dst, set, size)
	return appendCodes(dst, s.Codes)
}

func subackCodeV3(c Reason, v Version) byte {
	switch {
	case c <= GrantedQoS2:
		return byte(c)
	case v == V31:
		return byte(GrantedQoS0)
	}
	return byte(UnspecifiedError) // [MQTT-3.9.3-2 of 3.1.1]
}

func appendCodes(dst []byte, codes []Reason) []byte {
	for _, c := range codes {
		dst = append(dst, byte(c))
	}
	return dst
}
