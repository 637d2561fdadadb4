package seglog

import (
	"context"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// Log is a segmented log. It takes hold of its directory in Recover.
type Log struct {
	o Options
}

var (
	_ store.Store    = (*Log)(nil)
	_ store.Observed = (*Log)(nil)
)

// New makes a log that is not open yet; it touches no file.
func New(o Options) *Log { return &Log{o: o} }

// Recover implements store.Store.
func (g *Log) Recover(ctx context.Context, visit func(*store.Record) error) error {
	panic("seglog: not written yet")
}

// Append implements store.Store.
func (g *Log) Append(b *store.Batch, done func(error)) (committed bool) {
	panic("seglog: not written yet")
}

// Load implements store.Store.
func (g *Log) Load(refs []store.Ref, done func([]store.Message, error)) {
	panic("seglog: not written yet")
}

// Pressure implements store.Store.
func (g *Log) Pressure() store.Pressure { panic("seglog: not written yet") }

// Close implements store.Store.
func (g *Log) Close(ctx context.Context) error { panic("seglog: not written yet") }

// Stats implements store.Observed.
func (g *Log) Stats() store.Stats { panic("seglog: not written yet") }
