package seglog

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// recordVersion is what the records that are made here, and not read, are said to be.
const recordVersion = 1

// visit gives the state that the index knows in the order of store.Store's Recover. It reads the files in the order in which the
// records lie there, as far as that order allows. Queues come out of the index, without reading anything.
func (x *index) visit(ctx context.Context, visit func(*store.Record) error) error {
	v := visitor{ctx: ctx, x: x, visit: visit}
	messages := make(chan [][]extent, 1)
	go func() { messages <- sorted(x, x.messages, func(m message) place { return m.at }) }() // which takes a while
	itself := func(at place) place { return at }
	err := v.records(sorted(x, x.notes, itself))
	if err == nil {
		err = v.records(sorted(x, x.retained, itself))
	}
	rest := <-messages
	if err == nil {
		err = v.records(rest)
	}
	if err == nil {
		err = v.all()
	}
	return err
}

// extent is a place within a segment: the offset, and in the lower half the length.
type extent uint64

// sorted gives the places in a map in the order of the files: of each segment what lies in it.
func sorted[V any](x *index, m map[uint64]V, at func(V) place) [][]extent {
	all := make([][]extent, len(x.segments))
	for _, v := range m {
		p := at(v)
		i := p.seg - x.segments[0].id
		all[i] = append(all[i], extent(p.off)<<32|extent(p.len))
	}
	for _, extents := range all {
		slices.Sort(extents)
	}
	return all
}

// visitor is a visit that goes on.
type visitor struct {
	ctx   context.Context
	x     *index
	visit func(*store.Record) error

	read  reader
	rec   store.Record
	made  store.Record // ENQ, QIN, REL
	one   [1]store.Delivery
	told  int
	arena []byte
	lines []line
}

// records visits those that lie at these places.
func (v *visitor) records(all [][]extent) error {
	for i, extents := range all {
		for _, e := range extents {
			at := place{v.x.segments[i].id, uint32(e >> 32), uint32(e)}
			raw, err := v.read.at(v.x, at)
			if err != nil {
				return err
			}
			if err := v.raw(raw, at); err != nil {
				return err
			}
		}
	}
	return nil
}

func (at place) compare(b place) int {
	if n := cmp.Compare(at.seg, b.seg); n != 0 {
		return n
	}
	return cmp.Compare(at.off, b.off)
}

// raw visits an encoded record.
func (v *visitor) raw(b []byte, at place) error {
	if n, err := store.Decode(b, &v.rec); err != nil || n != len(b) {
		return fmt.Errorf("segment %08x has changed at offset %d: %v", at.seg, at.off, err)
	}
	return v.tell(&v.rec)
}

func (v *visitor) tell(r *store.Record) error {
	if v.told++; v.told%1024 == 1 {
		if err := v.ctx.Err(); err != nil {
			return err
		}
	}
	return v.visit(r)
}

// arenaSize is about how much of SES and SUB is read at once. They are told session by session and lie anywhere in the files;
// so those of many sessions are read in the order of the files before they are told.
const arenaSize = 1 << 20

// line is a record in the arena. Those of a session stand together, SES first.
type line struct {
	at       place
	from, to uint32
}

// all visits the sessions, in the order of their SES in the files.
func (v *visitor) all() error {
	type named struct {
		id uint64
		s  *session
	}
	sessions := make([]named, 0, len(v.x.sessions))
	for id, s := range v.x.sessions {
		sessions = append(sessions, named{id, s})
	}
	slices.SortFunc(sessions, func(a, b named) int { return a.s.at.compare(b.s.at) })
	for len(sessions) > 0 {
		v.lines = v.lines[:0]
		n, size := 0, 0
		for ; n < len(sessions) && size < arenaSize; n++ {
			s := sessions[n].s
			size += v.line(s.at)
			s.subs.all(func(_ uint64, at place) { size += v.line(at) })
		}
		if err := v.fill(size); err != nil {
			return err
		}
		next := 0
		for _, s := range sessions[:n] {
			mine := v.lines[next : next+1+s.s.subs.len()]
			next += len(mine)
			if err := v.session(s.id, s.s, mine); err != nil {
				return err
			}
		}
		sessions = sessions[n:]
	}
	return nil
}

func (v *visitor) line(at place) (size int) {
	v.lines = append(v.lines, line{at: at})
	return int(at.len)
}

// fill reads the lines into the arena, in the order of the files.
func (v *visitor) fill(size int) error {
	order := make([]uint32, len(v.lines))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int { return v.lines[a].at.compare(v.lines[b].at) })
	v.arena = slices.Grow(v.arena[:0], size)
	for _, i := range order {
		l := &v.lines[i]
		raw, err := v.read.at(v.x, l.at)
		if err != nil {
			return err
		}
		l.from = uint32(len(v.arena))
		v.arena = append(v.arena, raw...)
		l.to = uint32(len(v.arena))
	}
	return nil
}

// session visits one: SES, SUBs, QINs and the queue.
func (v *visitor) session(id uint64, s *session, lines []line) (err error) {
	for _, l := range lines {
		if err := v.raw(v.arena[l.from:l.to], l.at); err != nil {
			return err
		}
	}
	s.incoming.all(func(pid uint16, _ uint32) {
		if err == nil {
			v.made = store.Record{Kind: store.QIN, Version: recordVersion, Session: store.Session{ID: id}, PacketID: pid}
			err = v.tell(&v.made)
		}
	})
	if err != nil {
		return err
	}
	s.queue.all(func(d *delivery) bool {
		err = v.delivery(id, d)
		return err == nil
	})
	return err
}

func (v *visitor) delivery(session uint64, d *delivery) error {
	v.one[0] = store.Delivery{
		Session: session, Seq: d.seq, QoS: byte(d.bits & bitsQoS), Retain: d.bits&bitsRetain != 0, Shared: d.bits&bitsShared != 0,
		SubIDs: v.x.subIDs(d),
	}
	v.made = store.Record{Kind: store.ENQ, Version: recordVersion, Message: store.Message{ID: d.message}, Deliveries: v.one[:]}
	if err := v.tell(&v.made); err != nil || d.bits&bitsReleased == 0 {
		return err
	}
	v.made = store.Record{Kind: store.REL, Version: recordVersion, Session: store.Session{ID: session}, Seq: d.seq}
	return v.tell(&v.made)
}

// subIDs is the subscription identifiers of a delivery, which the index knows as long as it has just been replayed.
func (x *index) subIDs(d *delivery) []uint32 {
	if x.replay == nil {
		return nil
	}
	return x.replay.sets.of(d.bits >> bitsSetShift)
}

// reader reads records at ascending places through a window.
type reader struct {
	seg  uint32
	scan scanner
}

// at gives an encoded record, good until the next call.
func (r *reader) at(x *index, at place) ([]byte, error) {
	s := x.segment(at.seg)
	if s == nil {
		return nil, fmt.Errorf("there is no segment %08x", at.seg)
	}
	if r.seg != at.seg {
		r.seg, r.scan = at.seg, scanner{file: s.file, size: s.size, window: r.scan.window[:0], step: windowSize, strict: true}
	}
	b, err := r.scan.bytes(int64(at.off), int(at.len))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", s.path, err)
	}
	return b, nil
}
