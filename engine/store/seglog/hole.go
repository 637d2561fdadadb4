package seglog

import (
	"encoding/binary"
	"path/filepath"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// damage is a part of a segment that could not be read.
type damage struct {
	off, bytes  int64
	first, last uint64 // LSNs that are missing; both 0: none is
	lsn         uint64 // of the frame before the next one that is readable
	reason      string
	records     *[256]uint64 // by kind; nil: nobody knows
	estimated   bool         // records are those of all damages of the segment
}

// hole is what the damage is for whoever asks. File is where the original lies.
func (d *damage) hole(seg uint32, file string, found time.Time) store.Hole {
	h := store.Hole{
		Segment: uint64(seg), File: file, Offset: d.off, Bytes: d.bytes, FirstLSN: d.first, LastLSN: d.last, Found: found,
		Reason: d.reason, Estimated: d.estimated,
	}
	if d.records != nil {
		h.Records = named(d.records)
	}
	return h
}

const (
	holeEstimated = 1 << iota
	holeRecords   // the kinds are known
)

// appendHole appends the body of a hole's frame. The file is told by its name in the directory of the log.
//
//	hole = version byte, flags byte (bits 0 estimated, 1 kinds known), segment, offset, bytes, first LSN, last LSN, found (seconds since
//	       1970), reason, file, [number of kinds, kinds]
func appendHole(dst []byte, seg uint32, d *damage, found time.Time, file string) []byte {
	var flags byte
	if d.estimated {
		flags |= holeEstimated
	}
	if d.records != nil {
		flags |= holeRecords
	}
	dst = append(dst, bodyVersion, flags)
	for _, v := range []uint64{uint64(seg), uint64(d.off), uint64(d.bytes), d.first, d.last, uint64(found.Unix())} {
		dst = binary.AppendUvarint(dst, v)
	}
	for _, s := range []string{d.reason, file} {
		dst = binary.AppendUvarint(dst, uint64(len(s)))
		dst = append(dst, s...)
	}
	if d.records != nil {
		dst = appendKinds(dst, d.records)
	}
	return dst
}

// parseHole reads what appendHole writes.
func parseHole(b []byte, dir string) (h store.Hole, err error) {
	f := fields{b: b}
	version, flags := f.byte(), f.byte()
	h.Estimated = flags&holeEstimated != 0
	h.Segment, h.Offset, h.Bytes = f.uint(), int64(f.uint()), int64(f.uint())
	h.FirstLSN, h.LastLSN, h.Found = f.uint(), f.uint(), time.Unix(int64(f.uint()), 0)
	h.Reason = f.string()
	if file := f.string(); file != "" {
		h.File = filepath.Join(dir, file)
	}
	if flags&holeRecords != 0 {
		var records [256]uint64
		f.kinds(&records)
		h.Records = named(&records)
	}
	if f.bad || version == 0 {
		return h, errBody
	}
	return h, nil
}

// named gives counts by the names of their kinds.
func named(records *[256]uint64) map[string]uint64 {
	m := map[string]uint64{}
	for kind, n := range records {
		if n > 0 {
			m[store.Kind(kind).String()] += n
		}
	}
	return m
}
