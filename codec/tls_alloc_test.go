//go:build !race

package codec

import "testing"

// crypto/tls itself allocates a reader of 24 bytes each time it fetches bytes (conn.go, readFromUntil). The stage adds
// nothing, and has it fetch once for all records of a call that find room.
func TestDataAllocatesNothingButCryptoTLSsReader(t *testing.T) {
	a, s := newAuthority(t), NewScratch()
	l := linked(t, s, plenty(), a.server(t, false, false), a.client())
	const runs = 1000
	got := 0
	sink := sinkFunc(func(p []byte) bool { got += len(p); return true })
	for _, c := range []struct{ records, size int }{{1, 64}, {5, 64}, {1, 1000}} {
		calls := make([][]byte, runs+1)
		for i := range calls {
			for range c.records {
				if _, err := l.client.Write(make([]byte, c.size)); err != nil {
					t.Fatal(err)
				}
				calls[i] = append(calls[i], <-l.up...)
			}
		}
		i := 0
		got = 0
		allocs := testing.AllocsPerRun(runs, func() {
			if err := l.stage.Feed(calls[i], s, sink); err != nil {
				t.Fatal(err)
			}
			i++
		})
		if want := (runs + 1) * c.records * c.size; allocs > 1 || got != want {
			t.Errorf("Feed of %d records of %d bytes allocates %v times, want 1 at most; %d bytes arrived of %d", c.records, c.size, allocs, got, want)
		}
	}
	for _, size := range []int{64, 1000, 16 << 10} {
		p := make([]byte, size)
		if allocs := testing.AllocsPerRun(runs, func() {
			s.Reset()
			if err := l.stage.Seal(p, s); err != nil {
				t.Fatal(err)
			}
		}); allocs != 0 {
			t.Errorf("Seal of %d bytes allocates %v times, want 0", size, allocs)
		}
	}
}
