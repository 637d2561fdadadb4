package engine

import (
	"path/filepath"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
)

// openStore is the store of the configuration, where the embedder has brought none.
func (b *Broker) openStore() {
	c := &b.cfg.Store
	if b.parts.Store != nil || c.Path == "" {
		return
	}
	dir, err := filepath.Abs(c.Path) // who is told of it may be anywhere
	if err != nil {
		dir = c.Path
	}
	b.parts.Store = seglog.New(seglog.Options{
		Dir: dir, Sync: c.sync(), Interval: c.Interval, Gather: c.Gather, SegmentSize: int64(c.SegmentSize),
		Quota: int64(c.Quota), HighWater: c.HighWater, LowWater: c.LowWater, Strict: c.Strict, Logger: b.log,
	})
}

func (s *Store) sync() seglog.Sync {
	switch s.Sync {
	case SyncInterval:
		return seglog.SyncInterval
	case SyncNone:
		return seglog.SyncNone
	}
	return seglog.SyncAlways
}

// StoreStats tells about the store; false when state is kept in memory, or by a store that tells nothing.
func (b *Broker) StoreStats() (s store.Stats, ok bool) {
	o, ok := b.parts.Store.(store.Observed)
	if ok {
		s = o.Stats()
	}
	return s, ok
}
