package store

import "time"

// Observed is a store that tells about itself.
type Observed interface {
	Stats() Stats
}

// Stats is what an operator is told about a store that keeps its state in files.
type Stats struct {
	Path     string
	Sync     string // always, interval or none
	Pressure Pressure
	Failure  string // why it is Failed, or Full; empty: it is neither

	Segments  int
	Bytes     int64 // of the files
	LiveBytes int64 // of the records that still count
	Quota     int64 // most of Bytes; 0: no quota
	FreeBytes int64 // on the file system

	Sessions      int
	Subscriptions int
	Messages      int
	Deliveries    int
	Retained      int

	LSN          uint64 // of the last frame written
	DurableLSN   uint64 // of the last frame that is known to be on the disk
	Commits      uint64 // frames written
	Batches      uint64 // in them
	Records      uint64
	WrittenBytes uint64
	CopiedBytes  uint64 // of those: moved on from segments that were reclaimed
	Reclaimed    uint64 // segments
	Syncs        uint64
	SyncTime     time.Duration // altogether
	SyncTimeMax  time.Duration // the longest
	Loads        uint64
	Waiting      int   // batches that are not committed
	WaitingBytes int64 // their size
	Gather       time.Duration
	FullCount    uint64 // times it was Full
	Rejected     uint64 // batches that failed

	Recovery Recovery
}

// Recovery is what the last opening of the store has found.
type Recovery struct {
	Took      time.Duration
	Bytes     int64 // read
	Frames    uint64
	Records   uint64
	Clean     bool  // the store was closed when its process ended
	TornBytes int64 // cut off the end: they were never acknowledged
	Holes     []Hole
}

// Hole is a part of the log that could not be read.
type Hole struct {
	Segment   uint64
	File      string // where the damaged original lies now
	Offset    int64  // of its first byte there
	Bytes     int64
	FirstLSN  uint64 // of the frames that are not there; both 0: none is missing
	LastLSN   uint64
	Found     time.Time
	Reason    string
	Records   map[string]uint64 // by kind, as far as the segment's summary tells; nil: there is none
	Estimated bool              // Records is of the whole segment's frames that are missing, not of this hole alone
}
