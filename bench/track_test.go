package bench

import (
	"math/rand/v2"
	"testing"
)

// set is the naive twin of sequence: it remembers every number that came.
type set struct {
	came map[uint32]bool
	top  uint32 // behind the last in sequence
	base uint32 // of the first
}

func (s *set) take(n uint32) (v verdict, by uint32) {
	if s.came[n] {
		return duplicate, 0
	}
	s.came[n] = true
	if int32(n-s.top) < 0 {
		return late, s.top - 1 - n
	}
	missing := n - s.top
	s.top = n + 1
	if missing > 0 {
		return early, missing
	}
	return inOrder, 0
}

func (s *set) end(sent uint32) (lost, tail uint64) {
	return uint64(s.top-s.base) - uint64(len(s.came)), uint64(sent - s.top)
}

// agree takes the numbers that steps make, relative to the last, in both.
func agree(t *testing.T, base uint32, steps []byte) {
	t.Helper()
	s := sequence{next: base}
	twin := set{came: map[uint32]bool{}, top: base, base: base}
	at := base
	for i, step := range steps {
		switch {
		case step < 128: // on, mostly by one
			at += uint32(step>>5)*uint32(step&15)*7 + 1
		case step < 192: // back
			at -= uint32(step & 63)
		default:
			at = twin.top + uint32(step&7)
		}
		if int32(at-base) < 0 {
			at = base
		}
		v, by := s.take(at)
		if wantV, wantBy := twin.take(at); v != wantV || by != wantBy {
			t.Fatalf("step %d of %v, number %d: got %d by %d, want %d by %d", i, steps, at-base, v, by, wantV, wantBy)
		}
	}
	sent := twin.top + 5
	lost, tail := s.end(sent)
	if wantLost, wantTail := twin.end(sent); lost != wantLost || tail != wantTail {
		t.Fatalf("after %v: got %d lost and %d behind the last, want %d and %d", steps, lost, tail, wantLost, wantTail)
	}
}

func FuzzASequenceAgreesWithASet(f *testing.F) {
	f.Add(uint32(0), []byte{0, 0, 0, 0})
	f.Add(^uint32(0)-2, []byte{0, 0, 0, 0, 0, 33, 130, 130, 200})
	f.Add(uint32(7), []byte{127, 127, 127, 191, 191, 255, 0})
	f.Fuzz(func(t *testing.T, base uint32, steps []byte) {
		if len(steps) <= 400 { // further apart than maxGap they may differ
			agree(t, base, steps)
		}
	})
}

func TestASequenceAgreesWithASet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		steps := make([]byte, r.IntN(200))
		for i := range steps {
			steps[i] = byte(r.IntN(256))
		}
		agree(t, r.Uint32(), steps)
	}
}

func TestGapsThatAreTooWideAreGivenUp(t *testing.T) {
	s := sequence{}
	s.take(0)
	s.take(3 * maxGap) // 1 and all up to it are missing
	s.take(3*maxGap + 1)
	if len(s.gaps.bits)*64 > maxGap {
		t.Errorf("the bitmap has %d bits, more than %d", len(s.gaps.bits)*64, maxGap)
	}
	if lost, tail := s.end(3*maxGap + 2); lost != 3*maxGap-1 || tail != 0 {
		t.Errorf("got %d lost and %d behind the last, want %d and 0", lost, tail, 3*maxGap-1)
	}
}

func TestASequenceInOrderTakesNoMemory(t *testing.T) {
	s, n := sequence{}, uint32(0)
	if got := testing.AllocsPerRun(1000, func() { s.take(n); n++ }); got != 0 || s.gaps != nil {
		t.Errorf("got %v allocations a number and a bitmap of %v, want none", got, s.gaps)
	}
	s.take(n + 1)
	s.take(n)
	if s.gaps != nil {
		t.Error("the bitmap outlives the gap")
	}
}

func TestALedgerFindsWhatWasAdded(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var l ledger
	want := map[uint32]*track{}
	for range 500 {
		id := r.Uint32N(2000)
		if want[id] == nil {
			want[id] = &track{id: id}
			l.add(want[id])
		}
	}
	for id := range uint32(2100) {
		if got := l.find(id); got != want[id] {
			t.Fatalf("stream %d: got %v, want %v", id, got, want[id])
		}
	}
	n := 0
	l.all(func(*track) { n++ })
	if n != len(want) {
		t.Errorf("visited %d tracks, want %d", n, len(want))
	}
}
