//go:build !race

package mqtt

import "testing"

// A loop decodes into the same values and encodes into the same buffer.
func TestDecodeAndAppendAllocateNothing(t *testing.T) {
	dst := make([]byte, 0, 1<<16)
	for _, g := range goldens() {
		h, body, err := cut(g.wire)
		if err != nil {
			t.Fatal(err)
		}
		p := empty(h.Type)
		got := testing.AllocsPerRun(100, func() {
			if err := p.Decode(g.from, h.Flags, body); err != nil {
				t.Fatal(err)
			}
			dst = p.AppendTo(dst[:0], g.from.Version, 0)
		})
		if got != 0 {
			t.Errorf("%v %s: got %v allocations, want 0; packet % X", h.Type, g.name, got, g.wire)
		}
	}
}

func TestRefusalsAllocateNothing(t *testing.T) {
	for _, c := range []struct {
		t    Type
		body []byte
	}{
		{PUBLISH, pack("a/#", 0)}, {PUBLISH, pack("\xFF", 0)}, {PUBLISH, pack("a", 3, 0x23, 0, 0)},
		{SUBSCRIBE, pack(0, 1, 0)}, {CONNECT, pack("MQTX", 5)}, {CONNECT, pack("MQTT", 9)}, {AUTH, nil},
		{DISCONNECT, pack(3)}, {PUBACK, pack(0, 0)},
	} {
		p, flags := empty(c.t), ackFlags(c.t)
		if c.t == SUBSCRIBE {
			flags = 2
		}
		var err error
		if got := testing.AllocsPerRun(100, func() { err = p.Decode(client5, flags, c.body) }); got != 0 || err == nil {
			t.Errorf("%v % X: got %v allocations and error %v, want 0 and an error", c.t, c.body, got, err)
		}
	}
}

func TestReaderAllocatesNothingForWholePackets(t *testing.T) {
	in := pack(0x30, 4, "a", []byte("x"), 0xC0, 0)
	var r Reader
	got := testing.AllocsPerRun(100, func() {
		for rest := in; len(rest) > 0; {
			_, _, rest, _ = r.Next(rest, 0)
		}
	})
	if got != 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}
