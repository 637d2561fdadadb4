package seglog

import "github.com/penstock-mqtt/penstock/engine/store/vfs"

// place is where a record lies: segment, offset in its file and length, as encoded.
type place struct{ seg, off, len uint32 }

// segment is one file of the log. Identifiers are contiguous and never used again.
type segment struct {
	id    uint32
	path  string
	file  vfs.File
	size  int64 // header and whole frames; behind it are zeroes, or what a torn write has left
	alloc int64 // of the file
	live  int64 // bytes of its records that still count, about; guarded like the index
	idle  int64 // bytes of it that are no records, and that a copy of it would take as well; likewise
	sum   summary
}

// summary is what a segment held when it was sealed. It is the first frame of the next segment, so that what a damaged
// segment has lost can be told.
type summary struct {
	segment     uint32
	frames      uint64
	bytes       int64       // of the header and the frames
	first, last uint64      // LSNs; both 0: none
	records     [256]uint64 // by kind, in frames of records
}
