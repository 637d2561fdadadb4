package bench

import "testing"

func TestAPayloadCarriesItsStamp(t *testing.T) {
	s := newSeal(1, 300)
	for size := MinPayload; size <= 300; size++ {
		want := stamp{uint32(size), uint32(size * 7919), uint32(size * 104729)}
		b := s.append(nil, want, size)
		if len(b) != size {
			t.Fatalf("got %d bytes, want %d", len(b), size)
		}
		if got, known, whole := s.read(b); got != want || !known || !whole {
			t.Fatalf("%d bytes: got %+v known %v whole %v, want %+v", size, got, known, whole, want)
		}
	}
}

func TestAnyChangeOfAPayloadShows(t *testing.T) {
	s := newSeal(2, 80)
	b := s.append(nil, stamp{3, 5, 7}, 80)
	for i := range len(b) * 8 {
		b[i/8] ^= 1 << (i % 8)
		if m, known, whole := s.read(b); known && whole {
			t.Errorf("bit %d changed: the payload still passes, as %+v", i, m)
		}
		b[i/8] ^= 1 << (i % 8)
	}
	for n := range len(b) {
		if _, known, _ := s.read(b[:n]); known {
			t.Errorf("cut to %d of %d bytes it still passes", n, len(b))
		}
	}
	if _, known, _ := s.read(append(b, 0)); known {
		t.Error("a byte longer it still passes")
	}
	if _, known, _ := newSeal(9, 80).read(b); known {
		t.Error("another run takes it for its own")
	}
}

func FuzzReadingAnyPayload(f *testing.F) {
	s := newSeal(1, 256)
	f.Add(s.append(nil, stamp{1, 2, 3}, 64))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, known, whole := s.read(b)
		if known && whole && string(s.append(nil, m, len(b))) != string(b) {
			t.Errorf("%x passes as %+v, whose payload is another", b, m)
		}
	})
}

func BenchmarkPayload(b *testing.B) {
	s := newSeal(1, 16<<10)
	for _, size := range []int{64, 16 << 10} {
		name := "64"
		if size > 64 {
			name = "16K"
		}
		b.Run(name, func(b *testing.B) {
			var buf []byte
			n := uint32(0)
			b.SetBytes(int64(size))
			for b.Loop() {
				n++
				buf = s.append(buf[:0], stamp{1, n, n}, size)
				if _, known, whole := s.read(buf); !known || !whole {
					b.Fatal("not read back")
				}
			}
		})
	}
}
