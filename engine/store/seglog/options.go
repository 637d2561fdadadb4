package seglog

import (
	"log/slog"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store/vfs"
)

// Options say where a log lies and what it promises. The zero value of all but Dir is ready to use.
type Options struct {
	Dir      string
	Sync     Sync
	Interval time.Duration // of SyncInterval; 0: a second
	// Gather is how long a commit waits for more; 0 begins with no wait and goes by the load.
	Gather time.Duration
	// SegmentSize is the size of a file; 0 goes by the file system: a 32nd of it, at least 256 KiB, at most 32 MiB.
	SegmentSize int64
	// Quota bounds the files; 0: the file system does. Above HighWater percent of it the log is Full, until it is below
	// LowWater percent; 0: 95 and 85.
	Quota               int64
	HighWater, LowWater int
	// Strict refuses to open damaged files.
	Strict bool

	FS     vfs.FS       // nil: the machine's
	Logger *slog.Logger // nil discards

	warmed *replayer // what Warm has read, for open to go on with
	repair bool      // open also what the disk gives nothing back of
}

// Sync says when a commit counts as done.
type Sync uint8

// The choices of Sync.
const (
	SyncAlways   Sync = iota // once it is on the disk
	SyncInterval             // once the kernel has it; it is on the disk an Interval later
	SyncNone                 // once the kernel has it, which takes it to the disk in its own time, or with the end of the segment
)

func (s Sync) String() string {
	switch s {
	case SyncAlways:
		return "always"
	case SyncInterval:
		return "interval"
	}
	return "none"
}

const (
	minSegment   = 256 << 10
	maxSegment   = 32 << 20
	segmentShare = 32 // of the room there is
	// leastSegment has room for a header, a summary and a few frames.
	leastSegment = 4 << 10
	// leastSegments is how many a quota has room for at least: one is written to, two are made ahead.
	leastSegments = 8
)

// filled is the options with what was left out.
func (o Options) filled() Options {
	if o.Interval <= 0 {
		o.Interval = time.Second
	}
	if o.HighWater <= 0 {
		o.HighWater = 95
	}
	if o.LowWater <= 0 {
		o.LowWater = 85
	}
	o.LowWater = min(o.LowWater, o.HighWater)
	if o.FS == nil {
		o.FS = vfs.OS
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// segmentSize is the size of the files to come. The directory is there.
func (o *Options) segmentSize() int64 {
	if o.SegmentSize > 0 {
		size := max(o.SegmentSize, leastSegment)
		if o.Quota > 0 {
			size = min(size, max(o.Quota/leastSegments, leastSegment))
		}
		return size
	}
	_, room, err := o.FS.Space(o.Dir)
	if err != nil {
		room = maxSegment * segmentShare
	}
	if o.Quota > 0 {
		room = min(room, o.Quota)
	}
	return min(max(room/segmentShare, minSegment), maxSegment)
}
