package trie

import (
	"math/rand/v2"
	"testing"
)

// byteSource lets the fuzzer decide: each draw is one of its bytes, and something fixed when they are used up.
type byteSource struct {
	data []byte
	then rand.PCG
}

func (s *byteSource) Uint64() uint64 {
	if len(s.data) == 0 {
		return s.then.Uint64()
	}
	b := s.data[0]
	s.data = s.data[1:]
	return uint64(b) * 0x0101010101010101
}

func seeds(f *testing.F) {
	r := newRand(f, 1)
	for i := range 8 {
		b := make([]byte, 50<<i)
		for k := range b {
			b[k] = byte(r.Uint32())
		}
		f.Add(b, uint8(1+i), i%3 == 0)
	}
}

// fuzzKeys: the fuzzer cannot find collisions, so it is given them.
func fuzzKeys(collide bool) *keys {
	if collide {
		return weakKeys()
	}
	return processKeys
}

func FuzzIndex(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte, levels uint8, collide bool) {
		r := rand.New(&byteSource{data: data})
		driveIndex(t, newIndex(fuzzKeys(collide)), r, min(len(data)/4, 2000), 1+int(levels%40), 5)
	})
}

func FuzzRetained(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte, levels uint8, collide bool) {
		r := rand.New(&byteSource{data: data})
		driveRetained(t, newRetained(fuzzKeys(collide)), r, min(len(data)/4, 1000), 1+int(levels%40))
	})
}
