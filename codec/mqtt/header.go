package mqtt

// MaxRemaining is the largest Remaining Length that can be written.
const MaxRemaining = 268435455

// Header is the fixed header of a packet.
type Header struct {
	Type      Type
	Flags     byte
	Remaining int // bytes behind the header
	Size      int // bytes of the header itself, 2 to 5
}

var faultType0 = newFault(MalformedPacket, "", "", "packet type 0 is reserved")

// ReadHeader reads the fixed header at the start of b. ok is false without an
// error when b ends too early. What has to be known of the sender to be checked
// is left to Check and to Decode.
func ReadHeader(b []byte) (h Header, ok bool, err error) {
	if len(b) < 2 {
		if len(b) == 1 && b[0] < 0x10 {
			return h, false, faultType0.at(site5)
		}
		return h, false, nil
	}
	if b[0] < 0x10 {
		return h, false, faultType0.at(site5)
	}
	if b[1] < 0x80 {
		return Header{Type(b[0] >> 4), b[0] & 15, int(b[1]), 2}, true, nil
	}
	n, size := readVarint(b[1:])
	if size == 0 {
		return h, false, nil
	}
	if size < 0 {
		return h, false, faultVarint.at(site5)
	}
	return Header{Type(b[0] >> 4), b[0] & 15, n, 1 + size}, true, nil
}

// Check refuses what the header alone shows to be illegal from this sender: a
// packet type that it never sends, and in 5.0 a Remaining Length written in more
// bytes than it needs. (3.x never asked for the shortest form.)
func (h Header) Check(from Peer) error {
	if !h.Type.LegalFrom(from) {
		return faultDirection.at(from.site())
	}
	if from.Version >= V5 && h.Size != 1+VarintSize(h.Remaining) {
		return faultVarint.at(site5) // [MQTT-1.5.5-1]
	}
	return nil
}

// checkFlags compares the reserved flag bits of a packet other than PUBLISH with
// the constant its type demands. 3.1 calls these bits unused and has them ignored.
// [MQTT-2.1.3-1] [MQTT-2.2.2-2 of 3.1.1]
func checkFlags(from Peer, flags, want byte, f *fault) error {
	if flags == want || from.Version == V31 {
		return nil
	}
	return f.at(from.site())
}
