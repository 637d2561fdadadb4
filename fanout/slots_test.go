package fanout

import (
	"sync"
	"testing"
)

// A name goes with its generation: whoever routes by an older plan never gets the name of the session that has the slot
// now, whenever he asks.
func TestANameIsOfItsGenerationOnly(t *testing.T) {
	s := NewSlots()
	n, gen := s.Take(0) // it is the only one, and comes back each time
	name := func(gen uint16) uint64 { return 1000 + uint64(gen) }
	s.SetName(n, name(gen))
	var wg sync.WaitGroup
	over := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for {
				g := s.Gen(n)
				for _, g := range []uint16{g, g + 1, g - 1} {
					if got := s.NameOf(n, g); got != 0 && got != name(g) {
						t.Errorf("generation %d: got the name %d, want %d or none", g, got, name(g))
						return
					}
				}
				select {
				case <-over:
					return
				default:
				}
			}
		})
	}
	for i := range 60_000 {
		if i%3 == 0 {
			s.Free(n)
			_, gen = s.Take(0)
		} else {
			gen = s.Renew(n)
		}
		if got := s.NameOf(n, gen); got != 0 {
			t.Fatalf("generation %d has the name %d before it was given one", gen, got)
		}
		s.SetName(n, name(gen))
		if got := s.NameOf(n, gen); got != name(gen) {
			t.Fatalf("generation %d: got the name %d, want %d", gen, got, name(gen))
		}
	}
	close(over)
	wg.Wait()
}
