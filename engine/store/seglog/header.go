package seglog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// The header of a segment, 64 bytes, little endian:
//
//	"PNSTKSEG", major uint16, minor uint16, reserved uint32, segment id uint64, marker uint64, store id 16 bytes,
//	created int64 (seconds since 1970), CRC-32C of all before uint32, 4 bytes of zero
//
// Marker and store id are random and the same in all segments of a store. The file "store" holds such a header too, with
// segment id 0. Whatever the major version, the header is this long, begins with the same twelve bytes and is followed by its CRC
// at byte 56, so that an old program can tell a newer format from damage.
const (
	headerSize  = 64
	headerMagic = "PNSTKSEG"
	headerCRC   = 56
)

// A newer major is refused. A newer minor has added what a reader may leave out.
const (
	major = 1
	minor = 0
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// identity is what all segments of a store have in common.
type identity struct {
	store  [16]byte
	marker uint64
}

// header is the decoded form of a segment's beginning.
type header struct {
	who     identity
	segment uint64
	created int64
}

// errHeader is a header that cannot be believed.
var errHeader = errors.New("seglog: damaged header")

// appendHeader appends the header of a segment.
func appendHeader(dst []byte, who identity, segment uint32, created int64) []byte {
	start := len(dst)
	dst = append(dst, headerMagic...)
	dst = binary.LittleEndian.AppendUint16(dst, major)
	dst = binary.LittleEndian.AppendUint16(dst, minor)
	dst = binary.LittleEndian.AppendUint32(dst, 0)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(segment))
	dst = binary.LittleEndian.AppendUint64(dst, who.marker)
	dst = append(dst, who.store[:]...)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(created))
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
	return append(dst, 0, 0, 0, 0)
}

// parseHeader reads what appendHeader writes. One of a newer major is store.ErrNewer, any other that it cannot read
// errHeader.
func parseHeader(b []byte) (h header, err error) {
	if len(b) < headerSize || string(b[:8]) != headerMagic ||
		crc32.Checksum(b[:headerCRC], castagnoli) != binary.LittleEndian.Uint32(b[headerCRC:]) {
		return h, errHeader
	}
	if v := binary.LittleEndian.Uint16(b[8:]); v > major {
		return h, fmt.Errorf("%w: a segment of format %d.%d, this program reads up to %d", store.ErrNewer, v,
			binary.LittleEndian.Uint16(b[10:]), major)
	}
	h.segment = binary.LittleEndian.Uint64(b[16:])
	h.who.marker = binary.LittleEndian.Uint64(b[24:])
	h.who.store = [16]byte(b[32:48])
	h.created = int64(binary.LittleEndian.Uint64(b[48:]))
	return h, nil
}
