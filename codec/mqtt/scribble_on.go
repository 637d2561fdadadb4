//go:build race || invariants

package mqtt

// spent remembers the bytes a Reader lent out last, to overwrite them as soon as
// the loan is over: whoever kept a slice too long reads 0xDB, in every test.
type spent struct{ b []byte }

func (s *spent) lend(b []byte) { s.b = b }

func (s *spent) scribble() {
	for i := range s.b {
		s.b[i] = 0xDB
	}
	s.b = nil
}
