package store

import (
	"bytes"
	"slices"
	"testing"
)

func FuzzDecode(f *testing.F) {
	for _, r := range samples() {
		var b Batch
		b.Record(&r)
		if len(b.Bytes()) < 1000 {
			f.Add(b.Bytes())
		}
	}
	f.Add([]byte{0x7f, 9, 3, 'a', 'b', 'c'})
	f.Fuzz(func(t *testing.T, in []byte) {
		var r, again Record
		for rest := in; len(rest) > 0; {
			n, err := Decode(rest, &r)
			if err != nil {
				return
			}
			if n <= 0 || n > len(rest) {
				t.Fatalf("%x: got length %d of %d", rest, n, len(rest))
			}
			if size := 64 * cap(r.Deliveries); size > 64*64+128*len(in) {
				t.Fatalf("%x: %d bytes of deliveries for %d bytes", rest, size, len(in))
			}
			var b Batch
			b.Record(&r)
			if r.Kind <= META {
				if _, err := Decode(b.Bytes(), &again); err != nil {
					t.Fatalf("%x: written again as %x: %v", rest[:n], b.Bytes(), err)
				}
				if got, want := plain(&again), plain(&r); got != want {
					t.Fatalf("%x: written again\n got %s\nwant %s", rest[:n], got, want)
				}
			}
			// Fields have one form only, so the bytes are the same but for a length written too long.
			if r.Kind <= META && r.Version == versions[r.Kind] && len(b.Bytes()) == n && !bytes.Equal(b.Bytes(), rest[:n]) {
				t.Fatalf("got %x, want %x", b.Bytes(), rest[:n])
			}
			rest = rest[n:]
		}
	})
}

func TestFoldedStateIsItsOwnFixpoint(t *testing.T) {
	m := NewMemory()
	var b Batch
	for _, r := range samples() {
		if r.Kind != SESDEL {
			b.Record(&r)
		}
	}
	m.Append(&b, nil)
	if got, want := listed(m.Reopen()), listed(m); !slices.Equal(got, want) || len(want) == 0 {
		t.Errorf("reopened:\n got %q\nwant %q", got, want)
	}
}

// Whatever decodes can be folded, and what was folded is the same after a restart.
func FuzzFold(f *testing.F) {
	var b Batch
	for _, r := range samples() {
		if len(r.Message.Payload) < 100 && r.Kind != SES {
			b.Record(&r)
		}
		if r.Kind == ACK {
			b.Session(&Session{ID: 9})
			b.Enqueue(7, []Delivery{{Session: 9, Seq: 128, QoS: 1}, {Session: 9, Seq: 0, QoS: 2}})
		}
	}
	f.Add(b.Bytes(), 3)
	f.Fuzz(func(t *testing.T, in []byte, cut int) {
		m := NewMemory()
		var r Record
		var b Batch
		n := 0
		Each(in, &r, func(r *Record) error {
			b.Record(r)
			if n++; n%max(cut, 1) == 0 {
				m.Append(&b, nil)
				b.Reset()
			}
			return nil
		})
		m.Append(&b, nil)
		for id, s := range m.st.messages {
			if s.refs == 0 {
				t.Errorf("message %d is kept for nobody", id)
			}
		}
		if got, want := listed(m.Reopen()), listed(m); !slices.Equal(got, want) {
			t.Errorf("reopened:\n got %q\nwant %q", got, want)
		}
	})
}

func listed(m *Memory) (all []string) {
	m.st.visit(func(r *Record) error { all = append(all, plain(r)); return nil })
	return all
}
