package seglog

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/vfs"
)

// newIdentity makes up what a new store has in common. No byte of the marker is zero, so that it begins nowhere in what was never
// written.
func newIdentity() (who identity) {
	rand.Read(who.store[:])
	var marker [8]byte
	for i := 0; i < len(marker); {
		if rand.Read(marker[i : i+1]); marker[i] != 0 {
			i++
		}
	}
	who.marker = binary.LittleEndian.Uint64(marker[:])
	return who
}

// known is what a directory says that its store is.
type known struct {
	who     identity
	created int64
	fresh   bool   // nothing says anything: it is a new store, or nothing of it is left
	write   bool   // the file "store" does not say so, and is to be written
	doubt   string // what is odd about it; empty: nothing
}

// identify finds out which store lies in a directory: by the file "store", or else by what most segments say, or else by the
// marker of frames whose CRC holds with it. An error is one of reading, or store.ErrNewer.
func identify(f vfs.FS, dir string, ids []uint32) (k known, err error) {
	stored, own, err := readHeader(f, filepath.Join(dir, storeName))
	if err != nil {
		return k, err
	}
	heads := map[identity]int{}
	var most header
	for _, id := range ids {
		h, ok, err := readHeader(f, filepath.Join(dir, segmentName(id)))
		if err != nil {
			return k, err
		}
		if ok {
			if heads[h.who]++; heads[h.who] > heads[most.who] {
				most = h
			}
		}
	}
	switch {
	case own && (len(heads) == 0 || heads[stored.who] > 0):
		return known{who: stored.who, created: stored.created}, nil
	case own:
		return known{who: most.who, created: most.created, write: true, doubt: "the file \"store\" is of another store than the segments"}, nil
	case len(heads) > 0:
		return known{who: most.who, created: most.created, write: true, doubt: "the file \"store\" is missing or damaged"}, nil
	case len(ids) == 0:
		return known{who: newIdentity(), fresh: true, write: true}, nil
	}
	k = known{who: newIdentity(), write: true, doubt: "no file says which store this is"}
	k.who.marker, err = guessMarker(f, dir, ids, k.who.marker)
	return k, err
}

// readHeader reads the header of a file. ok is false when it is not there or cannot be believed.
func readHeader(f vfs.FS, name string) (h header, ok bool, err error) {
	file, err := openSegment(f, name, false)
	if errors.Is(err, fs.ErrNotExist) {
		return h, false, nil
	}
	if err != nil {
		return h, false, err
	}
	defer file.Close()
	b := make([]byte, headerSize)
	if _, err := readPages(file, b, 0); err != nil {
		return h, false, fmt.Errorf("read %s: %w", name, err)
	}
	h, err = parseHeader(b)
	if errors.Is(err, store.ErrNewer) {
		return h, false, fmt.Errorf("%s: %w", name, err)
	}
	return h, err == nil, nil
}

// guessMarker takes the marker from the first frame of a segment whose CRC holds.
func guessMarker(f vfs.FS, dir string, ids []uint32, without uint64) (uint64, error) {
	for _, id := range ids {
		name := filepath.Join(dir, segmentName(id))
		file, err := openSegment(f, name, false)
		if err != nil {
			return without, err
		}
		marker, ok, err := firstMarker(file)
		file.Close()
		if err != nil {
			return without, fmt.Errorf("read %s: %w", name, err)
		}
		if ok {
			return marker, nil
		}
	}
	return without, nil
}

func firstMarker(file vfs.File) (uint64, bool, error) {
	size, err := file.Size()
	if err != nil {
		return 0, false, err
	}
	s := newScanner(file, identity{}, size, headerSize)
	b, err := s.bytes(headerSize, 8)
	if err != nil || len(b) < 8 {
		return 0, false, err
	}
	s.who.marker = binary.LittleEndian.Uint64(b)
	_, ok, err := s.next()
	return s.who.marker, ok && s.who.marker != 0, err
}

// writeIdentity writes the file "store".
func writeIdentity(f vfs.FS, dir string, k *known) error {
	name := filepath.Join(dir, storeName)
	file, err := f.Create(name+tmpSuffix, headerSize)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(appendHeader(nil, k.who, 0, k.created), 0)
	if err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = f.Rename(name+tmpSuffix, name)
	}
	if err != nil {
		_ = f.Remove(name + tmpSuffix)
		return err
	}
	return f.SyncDir(dir)
}
