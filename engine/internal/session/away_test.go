package session

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/penstock-mqtt/penstock/fanout"
)

// words says what a delivery is, message and all.
func words(d *Delivery) string {
	s := fmt.Sprintf("%d size %d qos %d id %d flags %v %v %v", d.Seq, d.Size, d.QoS, d.ID, d.Retain, d.Again, d.Shared)
	if d.Msg == nil && d.Aside != nil {
		s += fmt.Sprintf(" ref %d expires %v", d.Aside.Ref, d.Aside.Expires)
	}
	if d.Aside != nil {
		s += fmt.Sprint(" ids ", d.Aside.IDs)
	}
	return s
}

// twin is a queue as a plain list, where what is in the store only has an Aside with its place.
type twin []Delivery

func (w twin) bytes() (n int) {
	for i := range w {
		n += int(w[i].Size)
	}
	return n
}

func (w twin) unread() (first, n int) {
	first = -1
	for i := range w {
		if w[i].Msg == nil {
			if n++; first < 0 {
				first = i
			}
		}
	}
	return first, n
}

// restored makes what comes back from a store, for a queue and its twin.
func restored(r *rand.Rand, n int) (list []Stored, ids map[uint64][]uint32, w twin) {
	seq, sent := uint64(0), r.IntN(n+1)
	for i := range n {
		seq += 1 + r.Uint64N(3)
		s := Stored{Ref: r.Uint64(), Seq: seq, Size: r.Uint32N(1000), Expires: r.Uint32N(2) * r.Uint32(), ID: r.Uint32N(3), QoS: 1 + uint8(r.IntN(2)),
			Retain: r.IntN(2) == 0, Again: i < sent, Shared: r.IntN(2) == 0}
		aside := &fanout.Aside{Ref: s.Ref, Expires: time.Duration(s.Expires) * time.Second}
		if r.IntN(4) == 0 {
			if ids == nil {
				ids = map[uint64][]uint32{}
			}
			s.ID, aside.IDs = 0, []uint32{1, uint32(i)}
			ids[seq] = aside.IDs
		}
		list = append(list, s)
		d := s.Delivery()
		d.Aside = aside
		w = append(w, d)
	}
	return list, ids, w
}

func TestAQueueThatLiesInTheStoreAgreesWithASlice(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 5))
		var q Queue
		list, ids, w := restored(r, r.IntN(40))
		q.Restore(list, ids)
		msg, next := new(fanout.Message), uint64(1000)
		fail := func(format string, args ...any) {
			t.Helper()
			t.Fatalf("seed %d: "+format, append([]any{seed}, args...)...)
		}
		for range 60 {
			switch r.IntN(5) {
			case 0:
				for range r.IntN(10) {
					next++
					d := Delivery{Open: Open{Msg: msg}, Seq: next, Size: r.Uint32N(100), QoS: 1}
					q.Push(d)
					w = append(w, d)
				}
			case 1:
				for range min(r.IntN(5), len(w)) {
					if f := q.Front(); (f.Msg == nil) != (w[0].Msg == nil) {
						fail("Front is read: got %v, want %v", f.Msg != nil, w[0].Msg != nil)
					}
					got, want := q.Pop(), w[0]
					if want.Msg == nil {
						want.Aside = nil
					}
					if words(&got) != words(&want) {
						fail("Pop:\n got %s\nwant %s", words(&got), words(&want))
					}
					w = w[1:]
				}
			case 2: // some of what is in the store is read; some of what was asked for is gone by now
				first, n := w.unread()
				if n == 0 {
					q.Read(1<<62, func(*Delivery) bool { fail("Read finds something"); return true })
					continue
				}
				var asked []string
				k := 1 + r.IntN(n)
				q.Unread(k, func(s *Stored) { asked = append(asked, fmt.Sprint(s.Seq, s.Ref)) })
				for i := range k {
					if d := &w[first+i]; len(asked) != k || asked[i] != fmt.Sprint(d.Seq, d.Aside.Ref) {
						fail("Unread: got %v", asked)
					}
				}
				if first > 0 {
					q.Read(w[first].Seq, func(*Delivery) bool { fail("Read overtakes"); return true })
					continue
				}
				drop, gone := r.IntN(3) == 0, twin{}
				q.Read(w[k-1].Seq, func(d *Delivery) bool {
					i := slices.IndexFunc(w, func(x Delivery) bool { return x.Seq == d.Seq })
					if want := w[i].Aside.Loaded(); (d.Aside == nil) != (want == nil) || want != nil && !slices.Equal(d.Aside.IDs, want.IDs) {
						fail("Read shows %s with %+v, want %+v", words(d), d.Aside, want)
					}
					if drop && d.Seq%2 == 0 {
						gone = append(gone, *d)
						return false
					}
					d.Msg, w[i].Msg, w[i].Aside = msg, msg, d.Aside
					return true
				})
				w = slices.DeleteFunc(w, func(d Delivery) bool {
					return slices.ContainsFunc(gone, func(g Delivery) bool { return g.Seq == d.Seq })
				})
			default:
				from, n, share := r.IntN(len(w)+2), r.IntN(30), r.IntN(4)
				drop := map[uint64]bool{}
				var want, got []string
				for i := from; i < min(from+n, len(w)); i++ {
					want = append(want, words(&w[i]))
					drop[w[i].Seq] = r.IntN(4) < share
				}
				stay := q.Sweep(from, n, func(d *Delivery) bool {
					got = append(got, words(d))
					return !drop[d.Seq]
				})
				before := len(w)
				w = slices.DeleteFunc(w, func(d Delivery) bool { return drop[d.Seq] })
				if !slices.Equal(got, want) || stay != len(want)-(before-len(w)) {
					fail("Sweep(%d, %d) kept %d and showed\n%s\nwant\n%s", from, n, stay, strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			}
			var got, want []string
			q.Each(func(d *Delivery) { got = append(got, words(d)) })
			sent := uint64(0)
			for i := range w {
				if want = append(want, words(&w[i])); w[i].Again {
					sent = max(sent, w[i].Seq)
				}
			}
			if !slices.Equal(got, want) || q.Len() != len(w) || q.Bytes() != w.bytes() || (q.r == nil) != (len(w) == 0) {
				fail("Len %d, Bytes %d, want %d and %d:\n%s\nwant\n%s", q.Len(), q.Bytes(), len(w), w.bytes(), strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if got := (&Session{Queue: q}).Sent(); got != sent {
				fail("Sent: got %d, want %d", got, sent)
			}
		}
	}
}

func TestWhatLiesInTheStoreOnlyIsSmall(t *testing.T) {
	if got := unsafe.Sizeof(Stored{}); got > 32 {
		t.Errorf("a delivery in the store takes %d bytes, want at most 32", got)
	}
	if got := unsafe.Sizeof(Delivery{}); got > 40 {
		t.Errorf("a delivery takes %d bytes, want at most 40", got)
	}
	if got := unsafe.Sizeof(ring{}); got > 48 {
		t.Errorf("a queue takes %d bytes, want at most 48", got)
	}
}
