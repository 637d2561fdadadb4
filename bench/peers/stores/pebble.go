package main

import (
	"github.com/cockroachdb/pebble/v2"
)

// lsm is pebble: a write-ahead log and sorted tables that are merged in the background.
type lsm struct {
	db       *pebble.DB
	key, val []byte
}

func openPebble(dir string, visit func(*message)) (keeper, error) {
	db, err := pebble.Open(dir, &pebble.Options{Logger: silent{}})
	if err != nil {
		return nil, err
	}
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte{queued}, UpperBound: []byte{queued + 1}})
	if err != nil {
		return nil, err
	}
	var m message
	for ok := it.First(); ok; ok = it.Next() {
		if err := m.read(it.Key(), it.Value()); err != nil {
			return nil, err
		}
		visit(&m)
	}
	return &lsm{db: db}, it.Close()
}

func (k *lsm) begin(n int) error {
	b := k.db.NewBatch()
	for id := range uint64(n) {
		if err := b.Set(sessionKey(id+1), sessionName(id+1), nil); err != nil {
			return err
		}
	}
	return b.Commit(pebble.Sync)
}

func (k *lsm) commit(in, over []message) error {
	b := k.db.NewBatch()
	for i := range in {
		k.key, k.val = in[i].appendKey(k.key[:0]), in[i].appendValue(k.val[:0])
		if err := b.Set(k.key, k.val, nil); err != nil {
			return err
		}
	}
	for i := range over {
		k.key = over[i].appendKey(k.key[:0])
		if err := b.Delete(k.key, nil); err != nil {
			return err
		}
	}
	if err := b.Commit(pebble.Sync); err != nil {
		return err
	}
	return b.Close()
}

func (k *lsm) close() error { return k.db.Close() }

// silent keeps pebble's own log out of the table.
type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
func (silent) Fatalf(format string, args ...any) {
	pebble.DefaultLogger.Fatalf(format, args...)
}
