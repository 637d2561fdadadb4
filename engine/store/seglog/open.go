package seglog

import (
	"context"
	"io"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// opened is what opening a directory gives the committer to go on with.
type opened struct {
	who      identity
	lock     io.Closer
	index    *index // its segments are open for writing; none when the store is new
	lsn      uint64 // of the last frame
	recovery store.Recovery
}

// open takes hold of the directory, makes it when it is not there, reads the log, cuts a torn tail off and heals or refuses
// what is damaged. Nothing is left open when it fails.
func open(ctx context.Context, o *Options) (*opened, error) { panic("seglog: not written yet") }

// visit gives the live state in the order of store.Store's Recover.
func (p *opened) visit(ctx context.Context, visit func(*store.Record) error) error {
	panic("seglog: not written yet")
}
