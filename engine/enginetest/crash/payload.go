package crash

import "encoding/binary"

// A payload says which message it is, so that a subscriber can tell without the broker's help, and is filled up with what
// follows from that.

// payload is what a message carries.
func (m *message) payload() []byte {
	if m.erases {
		return nil
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(m.source))
	b = binary.BigEndian.AppendUint32(b, m.seq)
	for i := range m.size {
		b = append(b, filling(m.key, i))
	}
	return b
}

func filling(k key, i int) byte { return byte(k.source*31 + int(k.seq)*7 + i) }

// told reads a payload.
func told(b []byte) (k key, intact bool) {
	if len(b) < 8 {
		return key{-1, 0}, false
	}
	k = key{int(binary.BigEndian.Uint32(b)), binary.BigEndian.Uint32(b[4:])}
	for i, c := range b[8:] {
		if c != filling(k, i) {
			return k, false
		}
	}
	return k, true
}
