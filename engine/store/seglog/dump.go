package seglog

import (
	"context"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// Dump visits the records of the log in o.Dir in the order in which they lie there, with the segment and the offset at which the
// record begins and the LSN of its frame. With live, it leaves out what does not count any more: of ENQ it tells the deliveries
// that are not over, each released one followed by its REL, and nothing of what only takes back. It changes nothing, takes no
// lock, and leaves out what cannot be read. Records live until the visit returns, whose error ends it.
func Dump(ctx context.Context, o Options, live bool, visit func(segment uint32, offset int64, lsn uint64, r *store.Record) error) error {
	panic("seglog: not written yet")
}
