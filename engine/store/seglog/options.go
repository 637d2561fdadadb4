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
