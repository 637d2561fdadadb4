package mqtt

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"unsafe"
)

// seen is what a Reader made of a stream.
type seen struct {
	packets []string // header and body of each
	err     error
	unread  int // bytes without a whole packet at the end
}

func (s seen) equal(o seen) bool {
	return fmt.Sprint(s.packets) == fmt.Sprint(o.packets) && s.err == o.err && (s.err != nil || s.unread == o.unread)
}

// readInPieces feeds a stream to a Reader. next says how long the next piece is
// (at least 1) and whether the connection pauses after its first packet: then the
// rest stays with the Reader, in front of the next piece. What is held is checked.
func readInPieces(t *testing.T, stream []byte, max int, next func() (n int, pause bool)) (s seen) {
	t.Helper()
	var r Reader
	for pause := true; pause || len(stream) > 0; {
		n := 0
		if len(stream) > 0 {
			n, pause = next()
		} else {
			pause = false // the last time, to take what was kept
		}
		n = min(n, len(stream))
		in := bytes.Clone(stream[:n]) // pieces of their own, as reads are
		stream = stream[n:]
		s.unread += n
		for {
			h, body, rest, err := r.Next(in, max)
			if err != nil {
				s.err = err
				return s
			}
			if h.Type == 0 {
				checkBuffered(t, &r, s.unread, rest)
				break
			}
			s.packets = append(s.packets, fmt.Sprintf("%+v %X", h, body))
			s.unread -= h.Size + h.Remaining
			if in = rest; pause {
				before := string(body)
				r.Keep(rest)
				if string(body) != before {
					t.Fatalf("Keep changed a body that is still lent out: % X to % X", before, body)
				}
				break
			}
		}
	}
	return s
}

func checkBuffered(t *testing.T, r *Reader, unread int, rest []byte) {
	t.Helper()
	if len(rest) != 0 {
		t.Fatalf("no packet and a rest of %d bytes", len(rest))
	}
	held := r.Buffered()
	if held < unread || held > 2*unread {
		t.Fatalf("%d bytes unread, %d held", unread, held)
	}
	if h, ok, _ := ReadHeader(r.buf[r.off:]); ok && held > h.Size+h.Remaining {
		t.Fatalf("%d bytes held for a packet of %d", held, h.Size+h.Remaining)
	}
}

func whole(t *testing.T, stream []byte, max int) seen {
	t.Helper()
	return readInPieces(t, stream, max, func() (int, bool) { return len(stream), false })
}

// someStream is packets of many sizes, and the start of one more.
func someStream(payloads ...int) (b []byte) {
	p := Publish{Topic: []byte("a/b"), QoS: 1, ID: 1}
	for _, n := range payloads {
		p.Payload = bytes.Repeat([]byte{byte(n)}, n)
		b = AppendPingreq(p.AppendTo(b, V311))
	}
	return append(b, 0x30, 0x90, 0x01, 0, 1)
}

func TestReaderSeesTheSameHoweverCut(t *testing.T) {
	stream := someStream(0, 1, 115, 116, 117, 130, 1000, 16375, 20000)
	want := whole(t, stream, 0)
	if len(want.packets) != 18 || want.err != nil || want.unread != 5 {
		t.Fatalf("whole: got %d packets, error %v, %d unread; want 18, nil, 5", len(want.packets), want.err, want.unread)
	}
	for _, size := range []int{1, 2, 3, 5, 7, 100, 129, 1000, 4096, 30000} {
		for _, pause := range []bool{false, true} {
			got := readInPieces(t, stream, 0, func() (int, bool) { return size, pause })
			if !got.equal(want) {
				t.Errorf("in pieces of %d, pause %v: got %d packets, error %v, %d unread; want %d, nil, %d",
					size, pause, len(got.packets), got.err, got.unread, len(want.packets), want.unread)
			}
		}
	}
}

func TestReaderLendsFromTheInputAndKeepsNothing(t *testing.T) {
	in := pack(0x30, 4, "a", []byte("x"), 0xC0, 0)
	var r Reader
	h, body, rest, err := r.Next(in, 0)
	if err != nil || h != (Header{PUBLISH, 0, 4, 2}) || &body[0] != &in[2] || cap(body) != 4 || len(rest) != 2 {
		t.Errorf("got %+v, body % X (capacity %d), rest % X, %v", h, body, cap(body), rest, err)
	}
	if r.Buffered() != 0 {
		t.Errorf("got %d bytes held, want 0", r.Buffered())
	}
}

func TestReaderLetsTheBufferGoWithThePacket(t *testing.T) {
	var r Reader
	packet := pack(0x30, 4, "a", []byte("x"))
	if h, _, _, err := r.Next(packet[:4], 0); h.Type != 0 || err != nil || r.Buffered() == 0 {
		t.Fatalf("got %+v, %v, %d held", h, err, r.Buffered())
	}
	h, body, rest, err := r.Next(append(packet[4:len(packet):len(packet)], 0xC0, 0), 0)
	if err != nil || h.Type != PUBLISH || string(body) != string(packet[2:]) || len(rest) != 2 || r.Buffered() != 0 {
		t.Errorf("got %+v, body % X, rest % X, %v, %d held", h, body, rest, err, r.Buffered())
	}
}

// Five bytes may announce 256 MB and still hold no more than ten.
func TestReaderHoldsWhatArrivedNotWhatWasAnnounced(t *testing.T) {
	var r Reader
	if _, _, _, err := r.Next(pack(0x30, 0xFF, 0xFF, 0xFF, 0x7F), 0); err != nil || r.Buffered() > 10 {
		t.Errorf("got %v, %d held", err, r.Buffered())
	}
}

func TestReaderRefusesTooLargeFromTheHeader(t *testing.T) {
	packet := pack(0x30, 0x80, 1, "a", bytes.Repeat([]byte("x"), 125))
	for n := 3; n <= len(packet); n++ {
		var r Reader
		h, _, _, err := r.Next(packet[:n], len(packet)-1)
		if !errors.Is(err, PacketTooLarge) || h.Type != PUBLISH {
			t.Errorf("%d bytes: got %+v, %v; want PUBLISH, Packet too large", n, h, err)
		}
	}
	var r Reader
	for _, b := range packet[:2] {
		if h, _, _, err := r.Next([]byte{b}, 130); h.Type != 0 || err != nil {
			t.Fatalf("before the header is whole: got %+v, %v", h, err)
		}
	}
	_, _, _, err := r.Next(packet[2:3], 130)
	wantRefusal(t, err, PacketTooLarge, "MQTT-3.2.2-15", packet[:3])
	r.Reset()
	if h, _, _, err := r.Next(packet, len(packet)); h.Type != PUBLISH || err != nil || r.Buffered() != 0 {
		t.Errorf("as large as allowed: got %+v, %v, %d held", h, err, r.Buffered())
	}
}

func TestReaderRefusesBadHeaders(t *testing.T) {
	for _, cutAt := range []int{1, 5} {
		var r Reader
		bad := pack(0x30, 0x80, 0x80, 0x80, 0x80, 0x80)
		_, _, _, err := r.Next(bad[:cutAt], 0)
		if err == nil {
			_, _, _, err = r.Next(bad[cutAt:], 0)
		}
		wantRefusal(t, err, MalformedPacket, "MQTT-1.5.5-1", bad)
	}
	_, _, _, err := new(Reader).Next(pack(0x05), 0)
	wantRefusal(t, err, MalformedPacket, "MQTT-4.13.1-1", pack(0x05))
}

func TestReaderKeepsAndGoesOn(t *testing.T) {
	var r Reader
	r.Keep(nil)
	if r.Buffered() != 0 {
		t.Errorf("nothing kept, %d held", r.Buffered())
	}
	r.Keep(pack(0xC0, 0, 0xE0))
	r.Keep(pack(0)) // grows to twice
	r.Keep(pack(0xC0))
	var got []Type
	for _, in := range [][]byte{nil, nil, nil, pack(0, 0xE0, 0)} {
		for {
			h, _, rest, err := r.Next(in, 0)
			if err != nil {
				t.Fatal(err)
			}
			if h.Type == 0 {
				break
			}
			got, in = append(got, h.Type), rest
		}
	}
	if want := []Type{PINGREQ, DISCONNECT, PINGREQ, DISCONNECT}; fmt.Sprint(got) != fmt.Sprint(want) || r.Buffered() != 0 {
		t.Errorf("got %v, %d held; want %v, 0", got, r.Buffered(), want)
	}
}

func TestReaderIsSmall(t *testing.T) {
	limit := uintptr(40)
	if unsafe.Sizeof(spent{}) > 0 {
		limit += unsafe.Sizeof(spent{}) // a debug build
	}
	if got := unsafe.Sizeof(Reader{}); got > limit {
		t.Errorf("got %d bytes, want at most %d", got, limit)
	}
}
