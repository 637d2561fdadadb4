package seglog

import (
	"encoding/binary"
	"errors"
)

// errBody is the body of a summary or a hole that does not say what it should.
var errBody = errors.New("seglog: malformed body")

// bodyVersion begins the bodies of summaries and holes. A later version adds fields at the end, which older readers leave out.
const bodyVersion = 1

// appendSummary appends the body of a summary's frame.
//
//	summary = version byte, segment, frames, bytes, first LSN, last LSN, number of kinds, kinds
//	kind = kind byte, records
func appendSummary(dst []byte, s *summary) []byte {
	dst = append(dst, bodyVersion)
	for _, v := range []uint64{uint64(s.segment), s.frames, uint64(s.bytes), s.first, s.last} {
		dst = binary.AppendUvarint(dst, v)
	}
	return appendKinds(dst, &s.records)
}

func appendKinds(dst []byte, records *[256]uint64) []byte {
	kinds := 0
	for _, n := range records {
		if n > 0 {
			kinds++
		}
	}
	dst = binary.AppendUvarint(dst, uint64(kinds))
	for kind, n := range records {
		if n > 0 {
			dst = append(dst, byte(kind))
			dst = binary.AppendUvarint(dst, n)
		}
	}
	return dst
}

// parseSummary reads what appendSummary writes.
func parseSummary(b []byte) (s summary, err error) {
	f := fields{b: b}
	version := f.byte()
	s.segment, s.frames, s.bytes = uint32(f.uint()), f.uint(), int64(f.uint())
	s.first, s.last = f.uint(), f.uint()
	f.kinds(&s.records)
	if f.bad || version == 0 {
		return s, errBody
	}
	return s, nil
}

// fields takes the fields of a body off its front. The first one that is not there makes it bad for good.
type fields struct {
	b   []byte
	bad bool
}

func (f *fields) byte() byte {
	if len(f.b) == 0 {
		f.bad = true
		return 0
	}
	v := f.b[0]
	f.b = f.b[1:]
	return v
}

func (f *fields) uint() uint64 {
	v, n := binary.Uvarint(f.b)
	if n <= 0 {
		f.b, f.bad = nil, true
		return 0
	}
	f.b = f.b[n:]
	return v
}

func (f *fields) string() string {
	n := f.uint()
	if n > uint64(len(f.b)) {
		f.b, f.bad = nil, true
		return ""
	}
	v := string(f.b[:n])
	f.b = f.b[n:]
	return v
}

func (f *fields) kinds(records *[256]uint64) {
	for n := f.uint(); n > 0 && !f.bad; n-- {
		kind := f.byte()
		records[kind] = f.uint()
	}
}
