package soak

import (
	"encoding/binary"
	"math/rand/v2"
)

// payload says itself what it has to look like, so that memory used twice is seen.
func payload(rng *rand.Rand) []byte {
	n := rng.Uint32()
	b := make([]byte, payloadSize(n))
	for i := range b {
		b[i] = byte(n)
	}
	binary.BigEndian.PutUint32(b, n)
	return b
}

func payloadSize(n uint32) int {
	if n%64 == 0 {
		return 4100 + int(n>>8%4000)
	}
	return 4 + int(n>>8%200)
}

// intact reports a message that is not as it was published.
func (s *storm) intact(topic, b []byte) {
	s.messages.Add(1)
	if len(b) == 0 { // a retained message was cleared
		return
	}
	if len(b) >= 4 {
		n := binary.BigEndian.Uint32(b)
		ok := len(b) == payloadSize(n)
		for _, c := range b[4:] {
			ok = ok && c == byte(n)
		}
		if ok {
			return
		}
	}
	s.t.Errorf("message on %q is not what anybody published: % .40X (%d bytes)", topic, b, len(b))
}
