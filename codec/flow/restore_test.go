package flow

import (
	"slices"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

func TestRestoreKeepsOrderAndWaitsForResume(t *testing.T) {
	s := newSender(10)
	s.Start(1, 1, "a")
	s.Start(2, 2, "b")
	s.Start(3, 2, "c")
	s.Pubrec(ID(3), mqtt.Success)
	r := new(Sender[string])
	s.Each(func(seq uint64, qos byte, released bool, m *string) { r.Restore(seq, qos, released, *m) })
	wantList(t, "restored", each(r), each(s)...)
	wantList(t, "without a connection", resumed(r), "3 2 true")
	r.SetQuota(10)
	wantList(t, "resumed", resumed(r), "3 2 true", "1 1 false", "2 2 false")
}

// A store that has lost records may bring exchanges that no sender had open at once: every one that is left must keep its
// own sequence number.
func TestRestoreEndsWhatIsTooOldAndDerivesNoWrongNumber(t *testing.T) {
	const far = Identifiers
	for _, c := range []struct {
		name string
		seqs []uint64
		left []uint64
	}{
		{"as far apart as it gets", []uint64{1, far}, []uint64{1, far}},
		{"one further", []uint64{1, far + 1}, []uint64{far + 1}},
		{"the older comes later", []uint64{far + 1, 1}, []uint64{far + 1}},
		{"of the same identifier", []uint64{7, 7 + 3*far}, []uint64{7 + 3*far}},
		{"some of them", []uint64{1, 2, 3, far + 2, far + 3}, []uint64{far + 2, far + 3}},
		{"one by one", []uint64{1, 2, 3, far + 1, 4, far + 2}, []uint64{3, 4, far + 1, far + 2}},
		{"all of them", []uint64{1, 2, 3, 10 * far}, []uint64{10 * far}},
		{"a whole life apart", []uint64{1, 1 << 62}, []uint64{1 << 62}},
	} {
		for _, released := range []func(i int) bool{
			func(int) bool { return false }, func(int) bool { return true }, func(i int) bool { return i%2 == 0 },
		} {
			s := new(Sender[uint64])
			open, gone := map[uint64]bool{}, map[uint64]bool{}
			for i, seq := range c.seqs {
				for _, g := range s.Restore(seq, 2, released(i), seq) {
					if g.M != g.Seq || gone[g.Seq] {
						t.Errorf("%s: exchange %d was handed back as %d, or twice", c.name, g.M, g.Seq)
					}
					gone[g.Seq] = true
				}
			}
			s.Each(func(seq uint64, _ byte, _ bool, m *uint64) {
				if seq != *m {
					t.Errorf("%s: exchange %d calls itself %d", c.name, *m, seq)
				}
				open[seq] = true
			})
			for _, seq := range c.seqs {
				if open[seq] != slices.Contains(c.left, seq) || open[seq] == gone[seq] {
					t.Errorf("%s: exchange %d: open %v, handed back %v; want open %v", c.name, seq, open[seq], gone[seq], c.left)
				}
				if _, m, ok := s.Find(ID(seq)); open[seq] && (!ok || *m != seq) {
					t.Errorf("%s: exchange %d is not found by its identifier", c.name, seq)
				}
			}
			if got, want := s.High(), slices.Max(c.left); got != want || s.Len() != len(c.left) {
				t.Errorf("%s: got the highest %d of %d, want %d of %d", c.name, got, s.Len(), want, len(c.left))
			}
		}
	}
}
