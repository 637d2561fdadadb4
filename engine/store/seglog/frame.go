package seglog

// The header of a segment, 64 bytes, little endian:
//
//	"PNSTKSEG", major uint16, minor uint16, reserved uint32, segment id uint64, marker uint64, store id 16 bytes,
//	created int64 (seconds since 1970), CRC-32C of all before uint32, 4 bytes of zero
//
// Marker and store id are random and the same in all segments of a store. The file "store" holds such a header too, with
// segment id 0.
const headerSize = 64

// A frame is one commit:
//
//	marker uint64, length of the body uint32, CRC-32C of all that follows it uint32, LSN uint64, behind uint32,
//	type uint8, 3 bytes of zero, records uint32, body
//
// LSNs rise by one from frame to frame. Behind is how many LSNs the newest frame that is known to be on the disk was behind this
// one when it was written: a damaged frame that no later frame knows to have been on the disk was never acknowledged under
// SyncAlways, and ends the log. The marker, which no client knows, finds the next frame after a damaged one.
const frameSize = 36

// frameType is what the body of a frame is.
type frameType uint8

const (
	frameRecords frameType = 1 // records of package store
	frameSummary frameType = 2 // what the segment before holds
	frameClosed  frameType = 3 // nothing: the store was closed here
	frameHole    frameType = 4 // what was lost where this file was healed
)

// identity is what all segments of a store have in common.
type identity struct {
	store  [16]byte
	marker uint64
}

// appendHeader appends the header of a segment.
func appendHeader(dst []byte, who identity, segment uint32, created int64) []byte {
	panic("seglog: not written yet")
}

// beginFrame appends room for a frame's header; the body is appended behind it, and endFrame fills the header in.
func beginFrame(dst []byte) []byte { panic("seglog: not written yet") }

// endFrame fills in the header of the frame that begins at start.
func endFrame(b []byte, start int, who identity, typ frameType, lsn uint64, behind uint32, records int) {
	panic("seglog: not written yet")
}

// appendSummary appends the body of a summary's frame.
func appendSummary(dst []byte, s *summary) []byte { panic("seglog: not written yet") }
