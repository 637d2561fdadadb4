package seglog

import (
	"encoding/binary"
	"hash/crc32"
)

// A frame is one commit:
//
//	marker uint64, length of the body uint32, CRC-32C of all that follows it uint32, LSN uint64, behind uint32,
//	type uint8, moved uint24, records uint32, body
//
// LSNs rise by one from frame to frame. Behind is how many LSNs the newest frame that is known to be on the disk was behind this
// one when it was written: a damaged frame that no later frame knows to have been on the disk was never acknowledged under
// SyncAlways, and ends the log. Moved is one more than how many of the records, the last ones of the body, were written again because
// their segment was to be removed; 0 says nothing about it. The marker, which no client knows, finds the next frame after a damaged one.
const frameSize = 36

const frameCRCFrom = 16 // what the CRC covers begins here

// frameType is what the body of a frame is. One with bit 7 set must be understood, as with kinds of records.
type frameType uint8

const (
	frameRecords frameType = 1 // records of package store
	frameSummary frameType = 2 // what the segment before holds
	frameClosed  frameType = 3 // nothing: the store was closed here
	frameHole    frameType = 4 // what was lost where this file was healed
)

const frameMustUnderstand frameType = 0x80

// frameHead is the decoded form of what stands before a body.
type frameHead struct {
	length  uint32 // of the body
	crc     uint32
	lsn     uint64
	behind  uint32
	typ     frameType
	moved   uint32 // as it is written: one more, or 0
	records uint32
}

// movedMost stands for so many and more.
const movedMost = 1<<24 - 1

// own is how many records at the beginning of the body were certainly not moved.
func (h *frameHead) own() uint32 {
	if h.moved == 0 || h.moved == movedMost {
		return 0
	}
	return h.records - min(h.moved-1, h.records)
}

// durable is the newest LSN that was known to be on the disk when this frame was written.
func (h *frameHead) durable() uint64 { return h.lsn - min(h.lsn, uint64(h.behind)) }

// size is that of the whole frame.
func (h *frameHead) size() int64 { return frameSize + int64(h.length) }

// beginFrame appends room for a frame's header; the body is appended behind it, and endFrame fills the header in.
func beginFrame(dst []byte) []byte {
	var room [frameSize]byte
	start := len(dst)
	dst = append(dst, room[:]...)
	markMoved(dst, start, 0)
	return dst
}

// markMoved says of the frame that begins at start how many of its records, the last ones, were moved. It comes before endFrame.
func markMoved(b []byte, start, records int) {
	n := min(records+1, movedMost)
	b[start+29], b[start+30], b[start+31] = byte(n), byte(n>>8), byte(n>>16)
}

// endFrame fills in the header of the frame that begins at start and ends with b.
func endFrame(b []byte, start int, who identity, typ frameType, lsn uint64, behind uint32, records int) {
	f := b[start:]
	binary.LittleEndian.PutUint64(f, who.marker)
	binary.LittleEndian.PutUint32(f[8:], uint32(len(f)-frameSize))
	binary.LittleEndian.PutUint64(f[16:], lsn)
	binary.LittleEndian.PutUint32(f[24:], behind)
	f[28] = byte(typ)
	binary.LittleEndian.PutUint32(f[32:], uint32(records))
	binary.LittleEndian.PutUint32(f[12:], crc32.Checksum(f[frameCRCFrom:], castagnoli))
}

// parseFrame reads what stands before the body of a frame. It says no unless the marker is there and what it reads can be; whether
// the CRC holds is for the caller to see, who has the body.
func parseFrame(b []byte, who identity) (h frameHead, ok bool) {
	if len(b) < frameSize || binary.LittleEndian.Uint64(b) != who.marker {
		return h, false
	}
	h.length = binary.LittleEndian.Uint32(b[8:])
	h.crc = binary.LittleEndian.Uint32(b[12:])
	h.lsn = binary.LittleEndian.Uint64(b[16:])
	h.behind = binary.LittleEndian.Uint32(b[24:])
	h.typ = frameType(b[28])
	h.moved = uint32(b[29]) | uint32(b[30])<<8 | uint32(b[31])<<16
	h.records = binary.LittleEndian.Uint32(b[32:])
	return h, h.typ != 0 && (h.lsn != 0 || h.typ == frameHole)
}
