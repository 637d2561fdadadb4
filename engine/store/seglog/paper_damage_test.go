package seglog

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/vfs"
)

// What tests do to a paper, and how they open it then.

// span is where a frame of a paper lies.
type span struct {
	seg  uint32
	lsn  uint64
	off  int64
	size int64
}

func (s span) end() int64 { return s.off + s.size }

// of is the frame with an LSN.
func (p *paper) of(lsn uint64) span {
	p.Helper()
	i := slices.IndexFunc(p.spans, func(s span) bool { return s.lsn == lsn })
	if i < 0 {
		p.Fatalf("there is no frame %d", lsn)
	}
	return p.spans[i]
}

func (p *paper) path(seg uint32) string { return filepath.Join(p.dir, segmentName(seg)) }

// change writes over bytes of a file.
func (p *paper) change(name string, off int64, change func(b []byte), n int64) {
	p.Helper()
	file, err := p.fs.Open(name, true)
	p.must(err)
	defer file.Close()
	b := make([]byte, n)
	if got, err := file.ReadAt(b, off); got < len(b) {
		p.Fatalf("%s, offset %d: %v", name, off, err)
	}
	change(b)
	_, err = file.WriteAt(b, off)
	p.must(err)
}

func invert(b []byte) {
	for i := range b {
		b[i] = ^b[i]
	}
}

// flip inverts a byte of a segment, and wipe makes bytes zero.
func (p *paper) flip(seg uint32, off int64) { p.Helper(); p.change(p.path(seg), off, invert, 1) }

func (p *paper) wipe(seg uint32, off, n int64) {
	p.Helper()
	p.change(p.path(seg), off, func(b []byte) { clear(b) }, n)
}

// spoil damages the body of a frame.
func (p *paper) spoil(lsn uint64) span {
	p.Helper()
	s := p.of(lsn)
	p.flip(s.seg, s.off+s.size-1)
	return s
}

// options are those of the paper's directory.
func (p *paper) options() *Options {
	o := Options{Dir: p.dir, FS: p.fs, Logger: slog.New(slog.DiscardHandler)}.filled()
	return &o
}

// open opens the paper's directory and gives what it holds.
func (p *paper) open(o *Options) (*opened, []string) {
	p.Helper()
	got, err := open(context.Background(), o)
	if err != nil {
		p.Fatalf("open: got %v, want nil", err)
	}
	defer got.letGo()
	return got, listed(p, got.index)
}

// files lists what is in the directory, with the contents.
func files(t testing.TB, f vfs.FS, dir string) (out []string) {
	t.Helper()
	names, err := f.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		if name == quarantineDir {
			out = append(out, files(t, f, path)...)
			continue
		}
		if name != lockName {
			out = append(out, fmt.Sprintf("%s %x", path, bytes.TrimRight(content(t, f, path), "\x00")))
		}
	}
	return out
}

func content(t testing.TB, f vfs.FS, path string) []byte {
	t.Helper()
	file, err := f.Open(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	size, err := file.Size()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	if err := readFull(file, b, 0); err != nil {
		t.Fatal(err)
	}
	return b
}

// holesText writes down what an opening says of holes, without times and names.
func holesText(holes []store.Hole) string {
	var out []string
	for _, h := range holes {
		out = append(out, fmt.Sprintf("segment %d, %d+%d, LSN %d-%d, %s: %s", h.Segment, h.Offset, h.Bytes, h.FirstLSN, h.LastLSN, kindsText(&h), h.Reason))
	}
	return strings.Join(out, "; ")
}

func exists(t testing.TB, f vfs.FS, path string) bool {
	t.Helper()
	file, err := f.Open(path, false)
	if err == nil {
		file.Close()
	}
	if err != nil && !strings.Contains(err.Error(), fs.ErrNotExist.Error()) {
		t.Fatal(err)
	}
	return err == nil
}

// told is a paper in which each session has a frame of its own that says all about it, and frames without importance between.
// It ends in the segment last, and its frames are durable as soon as they are written.
func told(t testing.TB, sessions int) *paper {
	p := newPaper(t, 2<<10)
	for id := uint64(1); id <= uint64(sessions); id++ {
		p.commit(0, func(b *store.Batch) { tellSession(b, id) })
	}
	return p
}

// tellSession writes all kinds of records about one session.
func tellSession(b *store.Batch, id uint64) {
	b.Meta(fmt.Append(nil, "key ", id), []byte("value"))
	b.Retain(&store.Message{Topic: fmt.Append(nil, "topic/", id), Payload: bytes.Repeat([]byte{'p'}, 100), Retain: true})
	b.Session(&store.Session{ID: id, ClientID: fmt.Append(nil, "client ", id), Version: 5})
	b.Subscribe(id, &store.Subscription{Filter: []byte("a/#"), Options: 1})
	b.Receive(id, 7)
	for seq := range uint64(3) {
		b.Message(&store.Message{ID: id*100 + seq, Topic: []byte("t"), Payload: fmt.Append(nil, "message ", seq), QoS: 2})
		b.Enqueue(id*100+seq, []store.Delivery{{Session: id, Seq: seq, QoS: 2, SubIDs: []uint32{uint32(id)}}})
	}
	b.Release(id, 1)
	b.Ack(id, 0)
}

// without is the state that tellSession makes of some sessions.
func without(t testing.TB, sessions int, lost ...uint64) []string {
	m := store.NewMemory()
	for id := uint64(1); id <= uint64(sessions); id++ {
		if !slices.Contains(lost, id) {
			var b store.Batch
			tellSession(&b, id)
			m.Append(&b, nil)
		}
	}
	return listedStore(t, m)
}

// frameOf is the LSN of the frame that tells of a session.
func (p *paper) frameOf(session uint64) uint64 {
	p.Helper()
	at, ok := p.x.message(session*100 + 1)
	if !ok {
		p.Fatalf("session %d has no message", session)
	}
	for _, s := range p.spans {
		if s.seg == at.seg && s.off < int64(at.off) && int64(at.off) < s.end() {
			return s.lsn
		}
	}
	p.Fatalf("no frame tells of session %d", session)
	return 0
}

// sealed gives a header the CRC that it should have.
func sealed(b []byte) []byte {
	b = slices.Clone(b)
	binary.LittleEndian.PutUint32(b[headerCRC:], crc32.Checksum(b[:headerCRC], castagnoli))
	return b
}

func unix(s int64) time.Time { return time.Unix(s, 0) }
