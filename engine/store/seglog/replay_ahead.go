package seglog

import (
	"errors"
	"fmt"
	"hash/maphash"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// ahead reads and decodes the frames of a segment on a goroutine of its own, while those that it has read before are taken into the
// index: on two processors a replay takes as long as the slower of both.
type ahead struct {
	scan *scanner
	seed maphash.Seed
	sets *sets
	dir  string
	rec  store.Record

	full, spent chan *stretch
	quit        chan struct{}
}

// stretch is some frames in a row.
type stretch struct {
	frames []heard
	briefs []brief // of all of them
	err    error   // of the file, behind the last frame
	ended  bool    // there is no frame behind the last one
}

// heard is a frame that was read.
type heard struct {
	frame             // with its body, if it holds no records
	from, to int      // in the briefs
	readable bool     // all that is in it
	newer    error    // it is of a newer version
	summary  *summary // of its type
	hole     *store.Hole
}

const (
	stretches   = 3       // that are on their way
	stretchLong = 4 << 10 // briefs in one, about
)

// runAhead begins to read where a scanner stands.
func (r *replayer) runAhead(s *scanner) *ahead {
	a := &ahead{
		scan: s, seed: r.index.seed, sets: &r.index.replay.sets, dir: r.dir,
		full: make(chan *stretch, stretches), spent: make(chan *stretch, stretches), quit: make(chan struct{}),
	}
	for range stretches {
		a.spent <- &stretch{}
	}
	go a.run()
	return a
}

// stop ends it, and returns when it has ended.
func (a *ahead) stop() {
	close(a.quit)
	for range a.full {
	}
}

func (a *ahead) run() {
	defer close(a.full)
	for {
		select {
		case <-a.quit:
			return
		case t := <-a.spent:
			a.fill(t)
			a.full <- t // there is room for all
			if t.ended || t.err != nil {
				return
			}
		}
	}
}

func (a *ahead) fill(t *stretch) {
	t.frames, t.briefs = t.frames[:0], t.briefs[:0]
	for len(t.briefs) < stretchLong && len(t.frames) < stretchLong {
		f, ok, err := a.scan.next()
		if t.err = err; err != nil {
			return
		}
		if t.ended = !ok; !ok {
			return
		}
		h := heard{frame: f, from: len(t.briefs)}
		h.readable, h.newer = a.decode(t, &h)
		if h.body = nil; !h.readable {
			t.briefs = t.briefs[:h.from]
		}
		h.to = len(t.briefs)
		t.frames = append(t.frames, h)
	}
}

// decode tells whether all of a frame can be read. A frame counts as a whole, so that is seen before any of it counts. One
// that a newer version has written is an error.
func (a *ahead) decode(t *stretch, h *heard) (bool, error) {
	switch h.typ {
	case frameRecords:
		return a.records(t, h)
	case frameClosed:
		return true, nil
	case frameSummary:
		s, err := parseSummary(h.body)
		h.summary = &s
		return err == nil, nil
	case frameHole:
		hole, err := parseHole(h.body, a.dir)
		h.hole = &hole
		return err == nil, nil
	}
	if h.typ&frameMustUnderstand != 0 {
		return false, fmt.Errorf("%w: frame type %d", store.ErrNewer, h.typ)
	}
	return true, nil
}

func (a *ahead) records(t *stretch, h *heard) (bool, error) {
	n := uint32(0)
	for off := 0; off < len(h.body); n++ {
		size, err := store.Decode(h.body[off:], &a.rec)
		if errors.Is(err, store.ErrNewer) {
			return false, err
		}
		if err != nil {
			return false, nil
		}
		t.briefs = appendBriefs(t.briefs, &a.rec, uint32(h.off+frameSize)+uint32(off), uint32(size), a.seed, a.sets)
		if a.rec.Kind == store.MSG && n >= h.own() {
			t.briefs[len(t.briefs)-1].bits = 1
		}
		off += size
	}
	return n == h.records, nil
}
