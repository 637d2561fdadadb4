package seglog

import (
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// Report is what Check and Repair have found in a directory.
type Report struct {
	Dir    string
	Store  string    // its identifier, in hexadecimal
	Made   time.Time // when the store was
	Held   bool      // somebody has it open
	Holder string    // the process that has, as it wrote itself down: a number

	Segments   []SegmentReport
	Bytes      int64 // of the files
	LiveBytes  int64 // of the records that count
	LSN        uint64
	Spare      bool     // the next segment lies ready
	Quarantine []string // the damaged originals that were moved aside

	Sessions, Subscriptions, Messages, Deliveries, Retained, Notes int
	// What names something that is not there: of sessions of which no record was found, and deliveries of messages of which
	// none was. They are no loss in a log without holes.
	OrphanSessions, OrphanDeliveries int

	Recovery store.Recovery // Holes: those that were found now
	Earlier  []store.Hole   // that an earlier opening has healed
	Broken   string         // why the disk gives nothing back of the log, so that only Repair opens it; empty: it does
}

// SegmentReport is one file of the log.
type SegmentReport struct {
	ID          uint32
	File        string
	Created     time.Time
	Bytes       int64  // of the file
	Used        int64  // of its header and frames
	Live        int64  // of the records that count
	First, Last uint64 // LSNs; both 0: it has no frame
	Frames      uint64
	Records     map[string]uint64 // by kind
	State       string            // good, damaged, healed, missing, or last: the one that is written to
}

// The states of a segment.
const (
	stateGood    = "good"
	stateDamaged = "damaged" // part of it cannot be read
	stateHealed  = "healed"  // written anew without what could not be read
	stateMissing = "missing" // there is no file of it
	stateLast    = "last"    // good, and the one that is written to
)
