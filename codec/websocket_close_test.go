package codec

import (
	"bytes"
	"io"
	"testing"
)

func TestOurCloseIsSentOnce(t *testing.T) {
	w := openServer()
	if got := w.Close([]byte("x"), 1001); !bytes.Equal(got, join([]byte("x"), bare(0x88, closing(1001, "")))) || w.Open() {
		t.Fatalf("close frame %x, open %t", got, w.Open())
	}
	for name, got := range map[string][]byte{"Close": w.Close(nil, 1000), "Seal": w.Seal(nil, []byte("p")), "Ping": w.Ping(nil)} {
		if len(got) > 0 {
			t.Errorf("%s after a close frame appends %x", name, got)
		}
	}
}

func TestNothingIsSentBeforeTheUpgrade(t *testing.T) {
	w := NewWebSocket(&testUpgrade)
	for name, got := range map[string][]byte{"Close": w.Close(nil, 1000), "Seal": w.Seal(nil, []byte("p")), "Ping": w.Ping(nil), "Start": w.Start(nil)} {
		if len(got) > 0 || w.Open() {
			t.Errorf("%s before the upgrade appends %x", name, got)
		}
	}
	if o := run(t, w, []byte(testRequest), whole); o.err != nil || !w.Open() {
		t.Fatalf("afterwards: error %v, open %t", o.err, w.Open())
	}
}

func TestPeersCloseIsAwaitedAfterOurs(t *testing.T) {
	closed := func() *WebSocket {
		w := openServer()
		w.Close(nil, 1000)
		return w
	}
	for _, c := range []struct {
		name string
		in   []byte
		ends string
	}{
		{"its answer", masked(0x88, closing(1000, "")), "EOF"},
		{"data on its way before", join(masked(0x82, "late"), masked(0x89, "ping"), masked(0x88, "")), "EOF"},
		{"still nothing", masked(0x82, "late"), ""},
		{"a violation", masked(0x81, "text"), "ws_opcode"},
		{"a close that is wrong", masked(0x88, closing(1005, "")), "ws_protocol"},
	} {
		if o := runAll(t, closed, c.in); o.cause() != c.ends || len(o.got) > 0 || len(o.answers) > 0 {
			t.Errorf("%s: payload %q, answers %x, end %q; want nothing, nothing and %q", c.name, o.got, o.answers, o.cause(), c.ends)
		}
	}
}

// closer closes while it is handed payload, as a broker does that ends a connection over a packet.
type closer struct {
	w   *WebSocket
	out *[]byte
	got []byte
}

func (c *closer) Bytes(p []byte) bool {
	c.got = append(c.got, p...)
	*c.out = c.w.Close(*c.out, 1008)
	return true
}

func TestCloseFromWithinTheSink(t *testing.T) {
	w, answers := openServer(), []byte(nil)
	c := &closer{w: w, out: &answers}
	in := join(masked(0x89, "1"), masked(0x82, "a"), masked(0x82, "b"), masked(0x89, "2"), masked(0x88, ""))
	_, err := w.Feed(in, &answers, c)
	if want := join(bare(0x8a, "1"), bare(0x88, closing(1008, ""))); err != io.EOF || string(c.got) != "a" || !bytes.Equal(answers, want) {
		t.Fatalf("error %v, payload %q, answers %x, want %x", err, c.got, answers, want)
	}
}

func TestPingIsAnswered(t *testing.T) {
	server, client := openServer(), openClient()
	var answer, none []byte
	for _, way := range [][2]*WebSocket{{server, client}, {client, server}} {
		answer, none = answer[:0], none[:0]
		if _, err := way[1].Feed(way[0].Ping(nil), &answer, &collect{}); err != nil || len(answer) == 0 {
			t.Fatalf("the ping: error %v, answer %x", err, answer)
		}
		if _, err := way[0].Feed(answer, &none, &collect{}); err != nil || len(none) > 0 {
			t.Fatalf("the pong: error %v, answer %x", err, none)
		}
	}
}
