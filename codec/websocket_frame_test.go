package codec

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestFramesOfRFC6455(t *testing.T) {
	const bin, text, cont, cls, ping, pong = 0x82, 0x81, 0x80, 0x88, 0x89, 0x8a
	protocolError := string(bare(cls, closing(1002, "")))
	for _, c := range []struct {
		name  string
		in    []byte
		got   string
		sends string
		ends  string
	}{
		{"one message", masked(bin, "hello"), "hello", "", ""},
		{"several messages", join(masked(bin, "a"), masked(bin, ""), masked(bin, "bc")), "abc", "", ""},
		{"nothing in a message", masked(bin, ""), "", "", ""},
		{"bytes that are no UTF-8", masked(bin, "\xff\xfe\xc0"), "\xff\xfe\xc0", "", ""},
		{"a message of three frames", join(masked(0x02, "one"), masked(0x00, "two"), masked(cont, "three")), "onetwothree", "", ""},
		{"fragments without payload", join(masked(0x02, ""), masked(0x00, ""), masked(cont, "")), "", "", ""},
		{"control frames inside a message", join(masked(0x02, "one"), masked(ping, "p"), masked(0x00, "two"), masked(pong, "q"), masked(cont, "three")),
			"onetwothree", string(bare(pong, "p")), ""},
		{"pings are answered in order", join(masked(ping, "1"), masked(bin, "x"), masked(ping, ""), masked(ping, "3")),
			"x", string(join(bare(pong, "1"), bare(pong, ""), bare(pong, "3"))), ""},
		{"a ping of 125 bytes", masked(ping, strings.Repeat("p", 125)), "", string(bare(pong, strings.Repeat("p", 125))), ""},
		{"a pong nobody asked for", join(masked(pong, "?"), masked(pong, ""), masked(bin, "x")), "x", "", ""},

		{"a close without a code", masked(cls, ""), "", string(bare(cls, "")), "EOF"},
		{"a close with a code", masked(cls, closing(1001, "")), "", string(bare(cls, closing(1001, ""))), "EOF"},
		{"a close with a reason", masked(cls, closing(1000, "über")), "", string(bare(cls, closing(1000, ""))), "EOF"},
		{"a close of 125 bytes", masked(cls, closing(4999, strings.Repeat("r", 123))), "", string(bare(cls, closing(4999, ""))), "EOF"},
		{"data behind a close", join(masked(cls, ""), masked(bin, "late"), masked(ping, "")), "", string(bare(cls, "")), "EOF"},
		{"garbage behind a close", join(masked(cls, ""), []byte("garbage")), "", string(bare(cls, "")), "EOF"},
		{"a close inside a message", join(masked(0x02, "half"), masked(cls, "")), "half", string(bare(cls, "")), "EOF"},
		{"a close with half a code", masked(cls, "\x03"), "", protocolError, "ws_protocol"},
		{"a close whose reason is no UTF-8", masked(cls, closing(1000, "\xc3\x28")), "", string(bare(cls, closing(1007, ""))), "ws_protocol"},
		{"a close whose reason is cut inside a letter", masked(cls, closing(1000, "\xe2\x82")), "", string(bare(cls, closing(1007, ""))), "ws_protocol"},
		{"a close whose reason has a surrogate", masked(cls, closing(1000, "\xed\xa0\x80")), "", string(bare(cls, closing(1007, ""))), "ws_protocol"},

		{"not masked", bare(bin, "x"), "", protocolError, "ws_unmasked"},
		{"a ping that is not masked", bare(ping, ""), "", protocolError, "ws_unmasked"},
		{"RSV1", masked(bin|0x40, "x"), "", protocolError, "ws_protocol"},
		{"RSV2", masked(bin|0x20, "x"), "", protocolError, "ws_protocol"},
		{"RSV3", masked(bin|0x10, "x"), "", protocolError, "ws_protocol"},
		{"RSV1 on a ping", masked(ping|0x40, ""), "", protocolError, "ws_protocol"},
		{"text", masked(text, "x"), "", string(bare(cls, closing(1003, ""))), "ws_opcode"},
		{"text behind data", join(masked(bin, "ok"), masked(text, "x")), "ok", string(bare(cls, closing(1003, ""))), "ws_opcode"},
		{"text inside a message", join(masked(0x02, "ok"), masked(text, "x")), "ok", string(bare(cls, closing(1003, ""))), "ws_opcode"},
		{"a continuation of nothing", masked(cont, "x"), "", protocolError, "ws_protocol"},
		{"a continuation behind the last", join(masked(0x02, "a"), masked(cont, "b"), masked(cont, "c")), "ab", protocolError, "ws_protocol"},
		{"a message inside another", join(masked(0x02, "a"), masked(bin, "b")), "a", protocolError, "ws_protocol"},
		{"a ping in fragments", masked(0x09, "x"), "", protocolError, "ws_protocol"},
		{"a close in fragments", masked(0x08, ""), "", protocolError, "ws_protocol"},
		{"a ping of 126 bytes", masked(ping, strings.Repeat("p", 126)), "", protocolError, "ws_protocol"},
		{"a close with a long length", rawFrame(cls, 8, 1<<20, testMask, nil), "", protocolError, "ws_protocol"},
		{"answers before a violation", join(masked(ping, "1"), masked(0x83, "")), "", string(bare(pong, "1")) + protocolError, "ws_opcode"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := runAll(t, openServer, c.in)
			if string(o.got) != c.got || string(o.answers) != c.sends || o.cause() != c.ends {
				t.Fatalf("got payload %q, answers %x, end %q (%v)\nwant %q, %x, %q", o.got, o.answers, o.cause(), o.err, c.got, c.sends, c.ends)
			}
		})
	}
}

// The second byte of a frame decides all that does not depend on the length: 16 opcodes, last frame or not, inside a
// message or not, masked or not, by a client or a server.
func TestEveryOpcode(t *testing.T) {
	for i := range 16 * 2 * 2 * 2 * 2 {
		op, fin, inside, mask, client := byte(i&15), i&16 != 0, i&32 != 0, i&64 != 0, i&128 != 0
		want := "" // the first rule that is broken
		switch {
		case mask && client:
			want = "ws_protocol"
		case !mask && !client:
			want = "ws_unmasked"
		case op == 1, op >= 3 && op <= 7, op >= 11:
			want = "ws_opcode"
		case op >= 8 && !fin, op == 0 && !inside, op == 2 && inside:
			want = "ws_protocol"
		case op == 8:
			want = "EOF"
		}
		first, frame := op, bare
		if fin {
			first |= 0x80
		}
		if mask {
			frame = masked
		}
		payload := ""
		if op < 3 {
			payload = "x"
		}
		o := runAll(t, func() *WebSocket {
			w := openServer()
			w.client, w.fragmented = client, inside
			return w
		}, frame(first, payload))
		wantPayload := payload
		if want != "" {
			wantPayload = ""
		}
		if o.cause() != want || string(o.got) != wantPayload {
			t.Errorf("opcode %#x fin %t inside %t masked %t client %t: %q and payload %q, want %q and %q", op, fin, inside, mask, client, o.cause(), o.got, want, wantPayload)
		}
	}
}

func TestLengthsOfFrames(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 4, 15, 16, 17, 124, 125, 126, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 65537, 69999, 70000} {
		p := make([]byte, n)
		for i := range p {
			p[i] = byte(i*7 + i>>8)
		}
		for _, form := range []int{0, 2, 8} {
			if form == 0 && n > 125 || form == 2 && n > 65535 {
				continue
			}
			o := runAll(t, openServer, join(rawFrame(0x82, form, uint64(n), testMask, p), masked(0x82, "next")))
			switch {
			case form == shortest(n) && (o.err != nil || !bytes.Equal(o.got, append(p, "next"...))):
				t.Errorf("%d bytes, length of %d: got %d bytes, error %v", n, form, len(o.got), o.err)
			case form != shortest(n) && (o.cause() != "ws_protocol" || len(o.got) > 0 || !bytes.Equal(o.answers, bare(0x88, closing(1002, "")))):
				t.Errorf("%d bytes, length of %d instead of %d: got %d bytes, answers %x, error %v", n, form, shortest(n), len(o.got), o.answers, o.err)
			}
		}
	}
	for _, c := range []struct {
		length uint64
		code   uint16
		cause  string
	}{
		{70001, 1009, "ws_too_large"},
		{1 << 31, 1009, "ws_too_large"},
		{1 << 32, 1009, "ws_too_large"},
		{1<<63 - 1, 1009, "ws_too_large"},
		{1 << 63, 1002, "ws_protocol"},
		{1<<64 - 1, 1002, "ws_protocol"},
	} {
		o := runAll(t, openServer, rawFrame(0x82, 8, c.length, testMask, []byte("begin")))
		if o.cause() != c.cause || !bytes.Equal(o.answers, bare(0x88, closing(c.code, ""))) || len(o.got) > 0 {
			t.Errorf("length %d: payload %q, answers %x, error %v; want %s and code %d", c.length, o.got, o.answers, o.err, c.cause, c.code)
		}
	}
	o := run(t, &WebSocket{}, rawFrame(0x82, 8, 1<<63-1, testMask, []byte("begin")), whole)
	if o.err != nil || string(o.got) != "begin" {
		t.Errorf("without a limit: payload %q, error %v", o.got, o.err)
	}
}

func TestCodesOfCloseFrames(t *testing.T) {
	allowed := map[int]bool{1000: true, 1001: true, 1002: true, 1003: true, 1007: true, 1008: true, 1009: true, 1010: true, 1011: true,
		1012: true, 1013: true, 1014: true}
	for code := 3000; code < 5000; code++ {
		allowed[code] = true
	}
	codes := []int{65535, 32768, 10000}
	for code := range 5100 {
		codes = append(codes, code)
	}
	for _, code := range codes {
		want, answer := "EOF", code
		if !allowed[code] {
			want, answer = "ws_protocol", 1002
		}
		o := run(t, openServer(), masked(0x88, closing(uint16(code), "bye")), whole)
		if o.cause() != want || !bytes.Equal(o.answers, bare(0x88, closing(uint16(answer), ""))) {
			t.Errorf("code %d: answers %x, error %v; want %s and code %d", code, o.answers, o.err, want, answer)
		}
	}
}

func TestClientTakesFramesOfAServer(t *testing.T) {
	for _, c := range []struct {
		name           string
		in             []byte
		got, sends, at string
	}{
		{"data", join(bare(0x02, "one"), bare(0x89, "p"), bare(0x80, "two")), "onetwo", string(bare(0x8a, "p")), ""},
		{"no limit of a frame", bare(0x82, strings.Repeat("x", 100000)), strings.Repeat("x", 100000), "", ""},
		{"close", bare(0x88, closing(1001, "going")), "", string(bare(0x88, closing(1001, ""))), "EOF"},
		{"text", bare(0x81, "x"), "", string(bare(0x88, closing(1003, ""))), "ws_opcode"},
		{"masked", masked(0x82, "x"), "", string(bare(0x88, closing(1002, ""))), "ws_protocol"},
	} {
		if o := runAll(t, openClient, c.in); string(o.got) != c.got || string(o.answers) != c.sends || o.cause() != c.at {
			t.Errorf("%s: payload %.40q, answers %x, error %v", c.name, o.got, o.answers, o.err)
		}
	}
}

func TestAStreamIsTheSameWhereverItIsCut(t *testing.T) {
	in := join([]byte(testRequest), masked(0x02, "one"), masked(0x89, "ping"), masked(0x80, strings.Repeat("two", 60)),
		masked(0x8a, ""), masked(0x82, "three"), masked(0x88, closing(1000, "done")))
	fresh := func() *WebSocket { return NewWebSocket(&testUpgrade) }
	want := runAll(t, fresh, in)
	if want.err != io.EOF || !strings.HasSuffix(string(want.got), "three") {
		t.Fatalf("whole: payload %q, error %v", want.got, want.err)
	}
	for cut := 1; cut < len(in); cut++ {
		first := true
		got := run(t, fresh(), in, func() int {
			if first {
				first = false
				return cut
			}
			return len(in)
		})
		if !bytes.Equal(got.got, want.got) || !bytes.Equal(got.answers, want.answers) || got.err != want.err {
			t.Fatalf("cut at %d: payload %q, answers %q, error %v", cut, got.got, got.answers, got.err)
		}
	}
}

func TestInputThatEndsAnywhereIsNoFault(t *testing.T) {
	in := join([]byte(testRequest), masked(0x82, strings.Repeat("x", 300)), masked(0x89, "ping"))
	for end := range in {
		if o := runAll(t, func() *WebSocket { return NewWebSocket(&testUpgrade) }, in[:end]); o.err != nil {
			t.Fatalf("cut off at %d: %v", end, o.err)
		}
	}
}

func TestNothingIsReadAfterTheSinkSaidNo(t *testing.T) {
	for _, frames := range [][]byte{
		join(masked(0x82, "abc"), masked(0x82, "def"), masked(0x89, "ping"), masked(0x88, "")),
		join(masked(0x02, "abc"), masked(0x89, "ping"), masked(0x80, "def")),
	} {
		sunk := collect{limit: 3}
		w := openServer()
		var answers []byte
		more, err := w.Feed(bytes.Clone(frames), &answers, &sunk)
		if more || err != nil || string(sunk.got) != "abc" || len(answers) > 0 {
			t.Fatalf("more %t, error %v, payload %q, answers %x", more, err, sunk.got, answers)
		}
		if more, err = w.Feed(masked(0x82, "again"), &answers, &sunk); more || err != nil || string(sunk.got) != "abc" {
			t.Fatalf("afterwards: more %t, error %v, payload %q", more, err, sunk.got)
		}
		// What ends a connection is told: the last packet and a close frame.
		if got, want := w.Close(w.Seal(nil, []byte("bye")), 1002), join(bare(0x82, "bye"), bare(0x88, closing(1002, ""))); !bytes.Equal(got, want) {
			t.Fatalf("last words: %x, want %x", got, want)
		}
	}
}

func TestPayloadIsHandedOnBeforeItsFrameIsWhole(t *testing.T) {
	f := masked(0x82, strings.Repeat("abcdef", 1000))
	w, sunk := openServer(), &collect{}
	for i := range f {
		if more, err := w.Feed(f[i:i+1], new([]byte), sunk); !more || err != nil {
			t.Fatalf("byte %d: more %t, error %v", i, more, err)
		}
		if want := max(0, i+1-8); len(sunk.got) != want {
			t.Fatalf("after %d bytes of the frame: %d of payload handed on, want %d", i+1, len(sunk.got), want)
		}
	}
}

// A violation is told at the second byte of a header: the rest of it may never come.
func TestViolationsAreToldAtOnce(t *testing.T) {
	for _, h := range [][]byte{{0x81, 0x80}, {0x82, 0x05}, {0xc2, 0x80}, {0x80, 0x80}, {0x89, 0xfe}, {0x83, 0xff}} {
		for _, next := range []func() int{whole, byOne} {
			if o := run(t, openServer(), h, next); o.err == nil {
				t.Errorf("%x: no fault yet", h)
			}
		}
	}
}

func ExampleWebSocket() {
	server := NewWebSocket(&Upgrade{Path: "/mqtt", Subprotocols: []string{"mqtt"}})
	client := NewWebSocketClient(&ClientUpgrade{Host: "localhost:8083", Path: "/mqtt", Subprotocols: []string{"mqtt"}})
	var toServer, toClient []byte
	var atServer, atClient collect

	toServer = client.Start(toServer)
	_, _ = server.Feed(toServer, &toClient, &atServer)
	toServer = toServer[:0]
	_, _ = client.Feed(toClient, &toServer, &atClient)
	toServer = client.Seal(toServer, []byte("a packet"))
	_, _ = server.Feed(toServer, &toClient, &atServer)
	fmt.Printf("%s, by %s\n", atServer.got, server.Request().Subprotocol)
	// Output: a packet, by mqtt
}
