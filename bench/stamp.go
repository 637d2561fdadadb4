package bench

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
)

// MinPayload is the smallest payload: what a message has to carry to be told from every other.
const MinPayload = 16

// fillPhases is how many fills there are: a message's own is told by its stream and number.
const fillPhases = 256

// stamp is what a payload says of its message.
//
//	0  stream        uint32
//	4  number        uint32, from 0 in its stream, and round again after the last
//	8  time          uint32, microseconds of the run: when it was meant to be sent
//	12 check         uint32, over all of the above, the payload's length and the run
//	16 fill          the rest: a stretch of the run's fill that begins at a place made of stream and number
//
// The fill is compared byte by byte, which says more than a checksum and costs less.
type stamp struct {
	stream, number, time uint32
}

// seal writes and checks payloads. Its key is the run's own, so that what an earlier run left with the broker, such as
// retained messages, is not taken for this one's. It does not change once made.
type seal struct {
	key  uint64
	fill []byte
}

// newSeal makes a seal for payloads of up to size bytes.
func newSeal(key uint64, size int) *seal {
	s := &seal{key: key, fill: make([]byte, size+fillPhases)}
	r := rand.New(rand.NewPCG(key, 0))
	for i := range s.fill {
		s.fill[i] = byte(r.Uint32())
	}
	return s
}

// sum mixes everything of a stamp into 32 bits; any one bit that differs changes it.
func (s *seal) sum(ids, time, size uint64) uint32 {
	x := (ids ^ s.key) * 0x9E3779B97F4A7C15
	x ^= x >> 32
	x = (x ^ (time<<32 | size)) * 0xD6E8FEB86659FD93
	return uint32(x >> 32)
}

// phase is where the fill of a message begins.
func phase(m stamp) int { return int((m.number*31 + m.stream*7) % fillPhases) }

// append appends a payload of size bytes, at least MinPayload.
func (s *seal) append(dst []byte, m stamp, size int) []byte {
	ids := uint64(m.stream)<<32 | uint64(m.number)
	dst = binary.BigEndian.AppendUint64(dst, ids)
	dst = binary.BigEndian.AppendUint32(dst, m.time)
	dst = binary.BigEndian.AppendUint32(dst, s.sum(ids, uint64(m.time), uint64(size)))
	at := phase(m)
	return append(dst, s.fill[at:at+size-MinPayload]...)
}

// read reads a payload. known says that it is one of this run; whole, that the fill is what it was, too.
func (s *seal) read(b []byte) (m stamp, known, whole bool) {
	if len(b) < MinPayload || len(b)-MinPayload+fillPhases > len(s.fill) {
		return m, false, false
	}
	ids := binary.BigEndian.Uint64(b)
	m = stamp{uint32(ids >> 32), uint32(ids), binary.BigEndian.Uint32(b[8:])}
	if binary.BigEndian.Uint32(b[12:]) != s.sum(ids, uint64(m.time), uint64(len(b))) {
		return m, false, false
	}
	at := phase(m)
	return m, true, bytes.Equal(b[MinPayload:], s.fill[at:at+len(b)-MinPayload])
}
