package main

import (
	"path/filepath"

	"go.etcd.io/bbolt"
)

// tree is bbolt: a B+ tree in one file whose changed pages are written anew.
type tree struct {
	db       *bbolt.DB
	key, val []byte
}

var bucket = []byte("records")

func openBbolt(dir string, visit func(*message)) (keeper, error) {
	db, err := bbolt.Open(filepath.Join(dir, "db"), 0o600, &bbolt.Options{
		FreelistType: bbolt.FreelistMapType, NoFreelistSync: true, // what its documentation gives for speed, at the price of a longer start
	})
	if err != nil {
		return nil, err
	}
	return &tree{db: db}, db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(bucket)
		if err != nil {
			return err
		}
		var m message
		c := b.Cursor()
		for key, value := c.Seek([]byte{queued}); len(key) > 0 && key[0] == queued; key, value = c.Next() {
			if err := m.read(key, value); err != nil {
				return err
			}
			visit(&m)
		}
		return nil
	})
}

func (k *tree) begin(n int) error {
	return k.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucket)
		for id := range uint64(n) {
			if err := b.Put(sessionKey(id+1), sessionName(id+1)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (k *tree) commit(in, over []message) error {
	return k.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucket)
		for i := range in {
			// Keys and values must live as long as the transaction.
			if err := b.Put(in[i].appendKey(nil), in[i].appendValue(nil)); err != nil {
				return err
			}
		}
		for i := range over {
			k.key = over[i].appendKey(k.key[:0])
			if err := b.Delete(k.key); err != nil {
				return err
			}
		}
		return nil
	})
}

func (k *tree) close() error { return k.db.Close() }
