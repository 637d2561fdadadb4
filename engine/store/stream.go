package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// A stream is records in frames, as they pass from one process to the next:
//
//	stream = "PNSTKREC", version byte, frame…, end
//	frame = length of the body (uint32, little endian, not 0), CRC-32C of the body (uint32, little endian), body
//	body = whole records
//	end = length 0, CRC-32C of nothing, number of records (uint64, little endian)
//
// A stream without its end was not finished and says nothing.
const streamMagic = "PNSTKREC\x01"

// maxFrame bounds the body of a frame; a larger record has a frame of its own, up to maxBody.
const (
	maxFrame = 256 << 10
	maxBody  = 1 << 30
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrBroken is what reading a stream ends with that was cut or damaged.
var ErrBroken = errors.New("store: broken stream of records")

// StreamWriter writes records as a stream. Its Batch takes them; Flush and Close write them.
type StreamWriter struct {
	Batch   Batch
	w       io.Writer
	records uint64
	err     error
}

// NewStreamWriter begins a stream.
func NewStreamWriter(w io.Writer) *StreamWriter {
	s := &StreamWriter{w: w}
	_, s.err = io.WriteString(w, streamMagic)
	return s
}

// Flush writes the batch as a frame when it is large enough for one; records may be added after it.
func (s *StreamWriter) Flush() error {
	if len(s.Batch.Bytes()) >= maxFrame {
		s.frame()
	}
	return s.err
}

func (s *StreamWriter) frame() {
	body := s.Batch.Bytes()
	if s.err == nil && len(body) > maxBody {
		s.err = fmt.Errorf("store: a frame of %d bytes", len(body))
	}
	if s.err == nil && len(body) > 0 {
		var head [8]byte
		binary.LittleEndian.PutUint32(head[:], uint32(len(body)))
		binary.LittleEndian.PutUint32(head[4:], crc32.Checksum(body, castagnoli))
		if _, s.err = s.w.Write(head[:]); s.err == nil {
			_, s.err = s.w.Write(body)
		}
	}
	s.records += uint64(s.Batch.Len())
	s.Batch.Reset()
}

// Close ends the stream; w stays open.
func (s *StreamWriter) Close() error {
	s.frame()
	if s.err == nil {
		end := binary.LittleEndian.AppendUint64(make([]byte, 8), s.records)
		_, s.err = s.w.Write(end)
	}
	return s.err
}

// ReadStream visits the records of a stream, in their order; they live until visit returns. An error of visit ends it.
// What is visited counts only if there is no error: the end of the stream says whether all was there.
func ReadStream(r io.Reader, visit func(*Record) error) error {
	magic := make([]byte, len(streamMagic))
	if _, err := io.ReadFull(r, magic); err != nil {
		return fmt.Errorf("%w: no beginning: %v", ErrBroken, err)
	}
	if string(magic) != streamMagic {
		if string(magic[:8]) == streamMagic[:8] {
			return fmt.Errorf("%w: stream version %d", ErrNewer, magic[8])
		}
		return fmt.Errorf("%w: it begins with %q", ErrBroken, magic)
	}
	var head [8]byte
	var body []byte
	var rec Record
	var seen uint64
	for {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return fmt.Errorf("%w: it is cut behind record %d: %v", ErrBroken, seen, err)
		}
		size, sum := binary.LittleEndian.Uint32(head[:]), binary.LittleEndian.Uint32(head[4:])
		if size == 0 && sum == 0 {
			break
		}
		var err error
		if body, err = readBody(r, body[:0], size); err != nil {
			return fmt.Errorf("%w: it is cut behind record %d: %v", ErrBroken, seen, err)
		}
		if crc32.Checksum(body, castagnoli) != sum {
			return fmt.Errorf("%w: the frame behind record %d has another checksum", ErrBroken, seen)
		}
		if err := Each(body, &rec, func(r *Record) error { seen++; return visit(r) }); err != nil {
			return err
		}
	}
	if _, err := io.ReadFull(r, head[:]); err != nil || binary.LittleEndian.Uint64(head[:]) != seen {
		return fmt.Errorf("%w: it does not end behind record %d", ErrBroken, seen)
	}
	return nil
}

// readBody grows with what is there, not with what a length claims.
func readBody(r io.Reader, body []byte, size uint32) ([]byte, error) {
	if size > maxBody {
		return nil, fmt.Errorf("a frame of %d bytes", size)
	}
	for n := int(size); n > 0; {
		step := min(n, 1<<20)
		start := len(body)
		body = append(body, make([]byte, step)...)
		if _, err := io.ReadFull(r, body[start:]); err != nil {
			return nil, err
		}
		n -= step
	}
	return body, nil
}
