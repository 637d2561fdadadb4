package seglog

import "context"

// Repair does what opening the log does without Strict: it takes the lock, cuts a torn tail off, moves damaged segments to the
// quarantine and writes what is readable of them anew. The report is of the log as it is then, with the holes that were healed
// now in Recovery.
func Repair(ctx context.Context, o Options) (Report, error) { panic("seglog: not written yet") }
