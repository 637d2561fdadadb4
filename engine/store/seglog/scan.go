package seglog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"syscall"

	"github.com/penstock-mqtt/penstock/engine/store/vfs"
)

// scanner reads the frames of a file from front to back, through a window that moves over it. What the disk cannot read it takes for
// zeroes, which are no frame: a bad sector costs the frames that lie on it.
type scanner struct {
	file vfs.File
	who  identity
	size int64 // of the file
	at   int64 // where the next frame should begin

	window []byte
	from   int64 // of the window's first byte in the file
	step   int64 // how much is read at once
	strict bool  // an error of the disk is one: what is read is known to be there
	broken error // of the disk, the first one
}

// frame is one that was read. The body is good until the scanner reads on.
type frame struct {
	frameHead
	off  int64
	body []byte
}

func (f *frame) end() int64 { return f.off + f.size() }

// windowSize is how much is read at once. The window is larger only for a frame that is, once its CRC has proven that it is
// there.
const windowSize = 512 << 10

// maxEnd is where a frame must end: places have 32 bits, and on some machines so have slices.
const maxEnd = int64(min(math.MaxUint32, math.MaxInt))

// pageSize is the unit in which what can be read is told from what cannot.
const pageSize = 4096

// newScanner reads frames from at on.
func newScanner(file vfs.File, who identity, size, at int64) *scanner {
	return &scanner{file: file, who: who, size: size, at: at, step: windowSize}
}

// next reads the frame at s.at and moves behind it. When there is none, or a damaged one, it does not move and says no. The
// error is one of the file.
func (s *scanner) next() (f frame, ok bool, err error) {
	if f, ok, err = s.frame(s.at); ok {
		s.at = f.end()
	}
	return f, ok, err
}

// frame reads the frame at an offset.
func (s *scanner) frame(off int64) (f frame, ok bool, err error) {
	b, err := s.bytes(off, frameSize)
	if err != nil {
		return f, false, err
	}
	head, ok := parseFrame(b, s.who)
	if !ok || head.size() > min(s.size, maxEnd)-off {
		return f, false, nil
	}
	if head.size() > s.step { // it may only claim to be
		if sum, err := s.checksum(off+frameCRCFrom, off+head.size()); err != nil || sum != head.crc {
			return f, false, err
		}
	}
	if b, err = s.bytes(off, int(head.size())); err != nil {
		return f, false, err
	}
	if crc32.Checksum(b[frameCRCFrom:], castagnoli) != head.crc {
		return f, false, nil
	}
	return frame{head, off, b[frameSize:]}, true, nil
}

// find looks for the first frame from an offset on whose LSN is higher than after. ok is false when there is none.
func (s *scanner) find(off int64, after uint64) (f frame, ok bool, err error) {
	for ; ; off++ {
		if off, err = s.marker(off); err != nil || off < 0 {
			return f, false, err
		}
		if f, ok, err := s.frame(off); err != nil || ok && f.lsn > after {
			return f, ok, err
		}
	}
}

// rest is how many bytes from an offset on are before the last one that is not zero.
func (s *scanner) rest(off int64) (n int64, err error) {
	for at := off; at < s.size; {
		b, err := s.bytes(at, int(min(s.step, s.size-at)))
		if err != nil {
			return n, err
		}
		if i := len(trimZeroes(b)); i > 0 {
			n = at + int64(i) - off
		}
		at += int64(len(b))
	}
	return n, nil
}

var zeroes [pageSize]byte

// trimZeroes cuts the zeroes off the end, of which there are mostly many.
func trimZeroes(b []byte) []byte {
	for len(b) >= pageSize && bytes.Equal(b[len(b)-pageSize:], zeroes[:]) {
		b = b[:len(b)-pageSize]
	}
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return b
}

// checksum is the CRC of a part of the file.
func (s *scanner) checksum(from, to int64) (sum uint32, err error) {
	for from < to {
		b, err := s.bytes(from, int(min(s.step, to-from)))
		if err != nil {
			return 0, err
		}
		sum = crc32.Update(sum, castagnoli, b)
		from += int64(len(b))
	}
	return sum, nil
}

// bytes gives n bytes at an offset, fewer at the end of the file. They are good until the next call.
func (s *scanner) bytes(off int64, n int) ([]byte, error) {
	n = int(max(0, min(int64(n), s.size-off)))
	if off >= s.from && off+int64(n) <= s.from+int64(len(s.window)) {
		return s.window[off-s.from:][:n], nil
	}
	size := int(max(0, min(max(int64(n), s.step), s.size-off)))
	kept := 0
	if off > s.from && off < s.from+int64(len(s.window)) {
		kept = len(s.window) - int(off-s.from)
	}
	if size > cap(s.window) {
		grown := make([]byte, size)
		copy(grown, s.window[len(s.window)-kept:])
		s.window = grown
	} else {
		copy(s.window, s.window[len(s.window)-kept:])
		s.window = s.window[:size]
	}
	s.from = off
	var broken, err error
	if s.strict {
		err = readFull(s.file, s.window[kept:], off+int64(kept))
	} else {
		broken, err = readPages(s.file, s.window[kept:], off+int64(kept))
	}
	if err != nil {
		s.window = s.window[:0]
		return nil, err
	}
	if s.broken == nil {
		s.broken = broken
	}
	return s.window[:n], nil
}

// readPages reads b at an offset. Pages that the disk cannot read are zeroes in it, and so is what is behind the end of the file. Broken
// is what the disk said of the first of them.
func readPages(f vfs.File, b []byte, off int64) (broken, err error) {
	err = readFull(f, b, off)
	if !errors.Is(err, syscall.EIO) {
		return nil, err
	}
	for len(b) > 0 {
		page := b[:min(len(b), pageSize-int(off%pageSize))]
		if err := readFull(f, page, off); errors.Is(err, syscall.EIO) {
			clear(page)
			if broken == nil {
				broken = err
			}
		} else if err != nil {
			return broken, err
		}
		b, off = b[len(page):], off+int64(len(page))
	}
	return broken, nil
}

func readFull(f vfs.File, b []byte, off int64) error {
	n, err := f.ReadAt(b, off)
	if err == io.EOF || n == len(b) {
		clear(b[n:])
		return nil
	}
	return err
}

// heads looks from an offset on at the beginnings of frames that are not readable as a whole, for the last LSN and the newest one
// that was known to be on the disk. They follow the frame after; numbers that cannot be are not believed.
func (s *scanner) heads(off int64, after uint64) (lsn, durable uint64, err error) {
	lsn = after
	for start := off; ; off++ {
		if off, err = s.marker(off); err != nil || off < 0 {
			return lsn, durable, err
		}
		b, err := s.bytes(off, frameSize)
		if err != nil {
			return 0, 0, err
		}
		most := after + 1 + uint64(off-start)/frameSize // as many as there was room for
		if h, ok := parseFrame(b, s.who); ok && h.lsn > lsn && h.lsn <= most {
			lsn, durable = h.lsn, max(durable, h.durable())
		}
	}
}

// marker looks for the marker from an offset on; -1: there is none with room for a frame.
func (s *scanner) marker(off int64) (int64, error) {
	var marker [8]byte
	binary.LittleEndian.PutUint64(marker[:], s.who.marker)
	for off+frameSize <= s.size {
		b, err := s.bytes(off, int(min(s.step, s.size-off)))
		if err != nil {
			return -1, err
		}
		if i := bytes.Index(b, marker[:]); i >= 0 {
			return off + int64(i), nil
		}
		off += int64(len(b) - len(marker) + 1)
	}
	return -1, nil
}
