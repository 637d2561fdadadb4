package trie

// slab is a growing array whose elements keep their number and are never copied once there are many: chunks,
// the first of which starts small. It only grows; who uses it keeps the list of the free ones. No lock.
type slab[T any] struct {
	chunks [][]T
	n      uint32
	shift  uint8 // elements a chunk, as a power of two
}

const slabStart = 8

func (s *slab[T]) at(i uint32) *T {
	return &s.chunks[i>>(s.shift&31)][i&(1<<(s.shift&31)-1)]
}

// add returns the number of a new, zero element. Pointers from at are not valid any more after it.
func (s *slab[T]) add() uint32 {
	i, size := s.n, uint32(1)<<(s.shift&31)
	switch chunk := i >> (s.shift & 31); {
	case len(s.chunks) == 0:
		s.chunks = append(s.chunks, make([]T, min(slabStart, size)))
	case chunk == uint32(len(s.chunks)):
		s.chunks = append(s.chunks, make([]T, size))
	case i == uint32(len(s.chunks[0])):
		grown := make([]T, min(2*i, size))
		copy(grown, s.chunks[0])
		s.chunks[0] = grown
	}
	s.n++
	return i
}

// cap is how many elements there is memory for.
func (s *slab[T]) cap() int {
	n := 0
	for _, c := range s.chunks {
		n += len(c)
	}
	return n
}
