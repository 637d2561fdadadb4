package flow

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// twin is a Sender as one would write it first: two lists of what is open.
type twin struct {
	pub, rel []twinExchange
	quota    int
	max      int
}

type twinExchange struct {
	seq     uint64
	qos     byte
	charged bool
	waiting bool
}

func (w *twin) setQuota(n int) {
	w.quota, w.max = n, n
	for _, list := range [][]twinExchange{w.pub, w.rel} {
		for i := range list {
			list[i].charged, list[i].waiting = false, true
		}
	}
}

func (w *twin) pending() bool {
	waits := func(e twinExchange) bool { return e.waiting }
	return slices.ContainsFunc(w.pub, waits) || slices.ContainsFunc(w.rel, waits)
}

func (w *twin) take(list *[]twinExchange, id uint16, qos byte) (twinExchange, bool) {
	for i, e := range *list {
		if ID(e.seq) == id && e.qos == qos {
			*list = slices.Delete(*list, i, i+1)
			return e, true
		}
	}
	return twinExchange{}, false
}

func (w *twin) end(e twinExchange) {
	if e.charged {
		w.quota++
	}
}

func (w *twin) each() (got []string) {
	for _, e := range w.rel {
		got = append(got, fmt.Sprint(e.seq, e.qos, true, " ", e.seq))
	}
	for _, e := range w.pub {
		got = append(got, fmt.Sprint(e.seq, e.qos, false, " ", e.seq))
	}
	return got
}

func (w *twin) resume(limit int) (got []string) {
	visit := func(e *twinExchange, released bool) bool {
		if len(got) == limit {
			return false
		}
		got = append(got, fmt.Sprint(e.seq, e.qos, released))
		e.waiting = false
		if w.quota > 0 {
			e.charged = true
			w.quota--
		}
		return true
	}
	for i := range w.rel {
		if w.rel[i].waiting && !visit(&w.rel[i], true) {
			return got
		}
	}
	for i := range w.pub {
		if w.pub[i].waiting && (w.quota == 0 || !visit(&w.pub[i], false)) {
			return got
		}
	}
	return got
}

// TestTheSenderAgreesWithItsTwin runs both through windows of every size, acknowledgements in and out of order, for
// identifiers that are open and that are not, gaps, overtaking, wrapped identifiers, reconnects and restarts.
func TestTheSenderAgreesWithItsTwin(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 7))
		s, w := new(Sender[uint64]), new(twin)
		next := uint64(r.IntN(200000))
		inOrder := r.IntN(2) == 0 // how most peers answer
		quota := 1 + r.IntN(300)
		s.SetQuota(quota)
		w.setQuota(quota)
		failf := func(step int, format string, args ...any) {
			t.Helper()
			t.Fatalf("seed %d step %d: %s", seed, step, fmt.Sprintf(format, args...))
		}
		for step := range 4000 {
			switch op := r.IntN(100); {
			case op < 45:
				seq := next + 1
				if r.IntN(4) == 0 && next > 5 {
					seq = next - uint64(r.IntN(5)) // overtaken by another publishing loop
				} else if r.IntN(200) == 0 {
					seq += uint64(r.IntN(70000))
				}
				id := ID(seq)
				used := slices.ContainsFunc(append(slices.Clone(w.pub), w.rel...), func(e twinExchange) bool { return ID(e.seq) == id })
				can := s.CanSend(seq)
				if can && (used || w.quota == 0 || w.pending()) {
					failf(step, "CanSend(%d): got true with quota %d pending %v, identifier used %v", seq, w.quota, w.pending(), used)
				}
				if !can && len(w.pub)+len(w.rel) == 0 && w.quota > 0 {
					failf(step, "CanSend(%d): got false with nothing open", seq)
				}
				if !can {
					break
				}
				qos := 1 + byte(r.IntN(2))
				if got := s.Start(seq, qos, seq); got != id {
					failf(step, "Start(%d): got id %d, want %d", seq, got, id)
				}
				w.quota--
				w.pub = append(w.pub, twinExchange{seq: seq, qos: qos, charged: true})
				next = max(next, seq)
			case op < 90:
				id := uint16(1 + r.IntN(Identifiers)) // mostly unknown
				list := w.pub
				if r.IntN(3) == 0 {
					list = w.rel
				}
				if len(list) > 0 && r.IntN(10) > 0 {
					i := 0
					if !inOrder || r.IntN(10) == 0 {
						i = r.IntN(len(list))
					}
					id = ID(list[i].seq)
				}
				acknowledge(t, r, s, w, id)
			case op < 92:
				quota = 1 + r.IntN(300)
				if r.IntN(2) == 0 {
					restored := new(Sender[uint64])
					s.Each(func(seq uint64, qos byte, released bool, m *uint64) { restored.Restore(seq, qos, released, *m) })
					s = restored
				}
				s.SetQuota(quota)
				w.setQuota(quota)
			case op < 98:
				limit, n := r.IntN(20), 0
				var got []string
				s.Resume(func(seq uint64, qos byte, released bool, _ *uint64) bool {
					if n == limit {
						return false
					}
					n++
					got = append(got, fmt.Sprint(seq, qos, released))
					return true
				})
				if want := w.resume(limit); !slices.Equal(got, want) {
					failf(step, "Resume: got %q, want %q", got, want)
				}
			default:
				if len(w.pub) == 0 {
					break
				}
				i := r.IntN(len(w.pub))
				e := w.pub[i]
				w.pub = slices.Delete(w.pub, i, i+1)
				w.end(e)
				if m, ok := s.Remove(e.seq); !ok || m != e.seq {
					failf(step, "Remove(%d): got %d %v", e.seq, m, ok)
				}
			}
			if s.Quota() != w.quota || s.Len() != len(w.pub)+len(w.rel) || s.Pending() != w.pending() {
				failf(step, "got quota %d len %d pending %v, want %d %d %v", s.Quota(), s.Len(), s.Pending(), w.quota, len(w.pub)+len(w.rel), w.pending())
			}
			if step%50 == 0 {
				var got []string
				s.Each(func(seq uint64, qos byte, released bool, m *uint64) {
					got = append(got, fmt.Sprint(seq, qos, released, " ", *m))
				})
				if want := w.each(); !slices.Equal(got, want) {
					failf(step, "Each: got %q, want %q", got, want)
				}
				if got := held(s); got > s.Len() {
					failf(step, "got %d places that hold a message for %d open", got, s.Len())
				}
				if got, most := len(s.pub.ring), max(keepPlaces, 8*quota, 8*len(w.pub)); got > most {
					failf(step, "ring of %d for %d open, want at most %d", got, len(w.pub), most)
				}
			}
		}
	}
}

// acknowledge gives both the same acknowledgement and compares what they make of it.
func acknowledge(t *testing.T, r *rand.Rand, s *Sender[uint64], w *twin, id uint16) {
	t.Helper()
	var seq, m uint64
	var ok bool
	var want twinExchange
	var wanted bool
	switch r.IntN(4) {
	case 0, 1:
		seq, m, ok = s.Puback(id)
		if want, wanted = w.take(&w.pub, id, 1); wanted {
			w.end(want)
		}
	case 2:
		var step Step
		seq, m, step = s.Pubrec(id, mqtt.Success)
		ok = step == SendPubrel
		if want, wanted = w.take(&w.pub, id, 2); wanted {
			want.waiting = false
			w.rel = append(w.rel, want)
		}
	default:
		seq, m, ok = s.Pubcomp(id)
		if want, wanted = w.take(&w.rel, id, 2); wanted {
			w.end(want)
		}
	}
	if ok != wanted || ok && (seq != want.seq || m != want.seq) {
		t.Fatalf("acknowledgement of %d: got %d %d %v, want %d %v", id, seq, m, ok, want.seq, wanted)
	}
}

// held counts the places that keep a message alive.
func held(s *Sender[uint64]) (n int) {
	rows := []*order[uint64]{&s.pub}
	if s.rel != nil {
		rows = append(rows, s.rel)
	}
	for _, row := range rows {
		for i := range row.ring {
			if row.ring[i].m != 0 {
				n++
			}
		}
	}
	return n
}
