package bench

import "math/bits"

// verdict is what a number means to who has seen the numbers before it.
type verdict uint8

const (
	inOrder   verdict = iota
	early             // numbers before it have not come
	late              // it came after a later one
	duplicate         // it came before
)

// sequence remembers which numbers of a stream have come, from 0 on and round again behind the last uint32. While they
// come in order it is one number; the bitmap exists as long as there is a gap, and holds maxGap numbers at most.
type sequence struct {
	next uint32 // all before it have come, or were given up
	gaps *gaps
}

// gaps says which numbers behind sequence.next have come.
type gaps struct {
	bits []uint64 // a ring by the number's low bits, a power of two
	top  uint32   // behind the last that came
	lost uint64   // given up, because the bitmap would have become too large
}

const (
	minGap = 64
	maxGap = 1 << 16
)

func (g *gaps) has(n uint32) bool { return g.bits[g.word(n)]>>(n&63)&1 != 0 }
func (g *gaps) set(n uint32)      { g.bits[g.word(n)] |= 1 << (n & 63) }
func (g *gaps) clear(n uint32)    { g.bits[g.word(n)] &^= 1 << (n & 63) }
func (g *gaps) word(n uint32) int { return int(n>>6) & (len(g.bits) - 1) }

// take takes a number. With early, by says how many numbers right before it were found missing by it; with late, how far
// ahead of it the last one was.
func (s *sequence) take(n uint32) (v verdict, by uint32) {
	if n == s.next && s.gaps == nil {
		s.next++
		return inOrder, 0
	}
	return s.takeSlow(n)
}

func (s *sequence) takeSlow(n uint32) (v verdict, by uint32) {
	ahead := n - s.next
	if int32(ahead) < 0 {
		return duplicate, 0
	}
	g := s.gaps
	if g == nil {
		g = &gaps{bits: make([]uint64, minGap/64), top: s.next}
		s.gaps = g
	}
	switch {
	case int32(n-g.top) >= 0:
		v, by = early, n-g.top
		if by == 0 { // in order behind an older gap
			v = inOrder
		}
	case g.has(n):
		return duplicate, 0
	default:
		v, by = late, g.top-1-n
	}
	s.reach(n)
	g.set(n)
	if int32(n-g.top) >= 0 {
		g.top = n + 1
	}
	s.settle()
	return v, by
}

// reach makes the bitmap long enough for n, or gives up the oldest gaps where it cannot be.
func (s *sequence) reach(n uint32) {
	g := s.gaps
	for need := n - s.next + 1; int(need) > len(g.bits)*64 && len(g.bits)*64 < maxGap; {
		wider := &gaps{bits: make([]uint64, 2*len(g.bits))}
		for k := s.next; k != g.top; k++ {
			if g.has(k) {
				wider.set(k)
			}
		}
		g.bits = wider.bits
	}
	for n-s.next >= maxGap {
		if !g.has(s.next) {
			g.lost++
		}
		g.clear(s.next)
		s.next++
		if int32(g.top-s.next) < 0 {
			g.top = s.next
		}
	}
}

// settle moves next over what has come, and lets the bitmap go when that is all.
func (s *sequence) settle() {
	g := s.gaps
	for s.next != g.top && g.has(s.next) {
		g.clear(s.next)
		s.next++
	}
	if s.next == g.top && g.lost == 0 {
		s.gaps = nil
	}
}

// end says what is missing when sent numbers were sent: those before one that came, and those behind all that came.
func (s *sequence) end(sent uint32) (lost, tail uint64) {
	g := s.gaps
	if g == nil {
		return 0, uint64(sent - s.next)
	}
	have := 0
	for _, w := range g.bits {
		have += bits.OnesCount64(w)
	}
	return g.lost + uint64(g.top-s.next) - uint64(have), uint64(sent - g.top)
}

// track is what one receiver knows of one stream that it is to receive.
type track struct {
	sequence
	of     *stream
	id     uint32 // of.id, near the key that is looked for
	qos    byte   // at which it must come
	retain bool   // with which flag it must come
	awry   bool   // its latency says nothing, as when the receiver is away
	aside  bool   // counted apart: it may lose, nobody waits for it, and its latency is its own
}

// ledger finds the tracks of one receiver by stream: a table, open addressed, of a power of two and at most half full.
// Streams are numbered in the order of their making, so that their low bits seldom meet.
type ledger struct {
	last  *track // that was found; most receivers have but one
	table []*track
	n     int
}

func (l *ledger) find(stream uint32) *track {
	if l.last != nil && l.last.id == stream {
		return l.last
	}
	if len(l.table) == 0 {
		return nil
	}
	mask := uint32(len(l.table) - 1)
	for i := stream & mask; ; i = (i + 1) & mask {
		t := l.table[i]
		if t == nil {
			return nil
		}
		if t.id == stream {
			l.last = t
			return t
		}
	}
}

func (l *ledger) add(t *track) {
	if 2*(l.n+1) > len(l.table) {
		old := l.table
		l.table, l.n = make([]*track, max(2, 2*len(old))), 0
		for _, t := range old {
			if t != nil {
				l.add(t)
			}
		}
	}
	mask := uint32(len(l.table) - 1)
	i := t.id & mask
	for l.table[i] != nil {
		i = (i + 1) & mask
	}
	l.table[i] = t
	l.n++
}

// all visits the tracks.
func (l *ledger) all(visit func(*track)) {
	for _, t := range l.table {
		if t != nil {
			visit(t)
		}
	}
}
