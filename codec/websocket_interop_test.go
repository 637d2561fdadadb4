package codec

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// collect is a Sink that keeps what it gets and stops after limit bytes; 0: never.
type collect struct {
	got   []byte
	limit int
}

func (c *collect) Bytes(p []byte) bool {
	c.got = append(c.got, p...)
	return c.limit == 0 || len(c.got) < c.limit
}

// readFrame reads a frame of a test's own making.
func readFrame(r io.Reader) (f ws.Frame, err error) {
	if f.Header, err = ws.ReadHeader(r); err == nil {
		f.Payload = make([]byte, f.Header.Length)
		_, err = io.ReadFull(r, f.Payload)
	}
	return f, err
}

// pipe is a connection whose ends do not wait for each other for ever.
func pipe(t *testing.T) (ours, theirs net.Conn) {
	ours, theirs = net.Pipe()
	for _, c := range []net.Conn{ours, theirs} {
		_ = c.SetDeadline(time.Now().Add(30 * time.Second))
		t.Cleanup(func() { c.Close() })
	}
	return ours, theirs
}

// pump reads a connection into a stage until it ends, and writes what the stage answers.
func pump(conn net.Conn, w *WebSocket, to Sink) error {
	buf := make([]byte, 4096)
	var answers []byte
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return err
		}
		answers = answers[:0]
		_, err = w.Feed(buf[:n], &answers, to)
		if len(answers) > 0 {
			if _, e := conn.Write(answers); e != nil {
				return e
			}
		}
		if err != nil {
			return err
		}
	}
}

func TestServerUnderstandsGobwasClient(t *testing.T) {
	ours, theirs := pipe(t)
	w := NewWebSocket(&Upgrade{Path: "/mqtt", Subprotocols: []string{"mqtt", "mqttv3.1"}})
	var sunk collect
	ended := make(chan error, 1)
	go func() { ended <- pump(ours, w, &sunk) }()

	d := ws.Dialer{
		Protocols: []string{"mqttv3.1", "mqtt"},
		NetDial:   func(context.Context, string, string) (net.Conn, error) { return theirs, nil },
	}
	conn, _, hs, err := d.Dial(context.Background(), "ws://broker/mqtt?token=secret")
	if err != nil || hs.Protocol != "mqtt" {
		t.Fatalf("Dial: protocol %q, error %v", hs.Protocol, err)
	}
	var want []byte
	for _, n := range []int{0, 1, 125, 126, 4000, 65535, 65536, 200000} {
		p := bytes.Repeat([]byte{byte(n), 7, 9}, n/3+1)[:n]
		want = append(want, p...)
		if err := ws.WriteFrame(conn, ws.MaskFrame(ws.NewBinaryFrame(p))); err != nil {
			t.Fatal(err)
		}
	}
	if err := ws.WriteFrame(conn, ws.MaskFrame(ws.NewPingFrame([]byte("still there?")))); err != nil {
		t.Fatal(err)
	}
	if f, err := readFrame(conn); err != nil || f.Header.OpCode != ws.OpPong || string(f.Payload) != "still there?" {
		t.Fatalf("after a ping: %+v, error %v", f, err)
	}
	go ws.WriteFrame(conn, ws.MaskFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusGoingAway, "bye"))))
	f, err := readFrame(conn)
	if err != nil || f.Header.OpCode != ws.OpClose || !bytes.Equal(f.Payload, []byte{0x03, 0xe9}) {
		t.Fatalf("after a close: %+v, error %v", f, err)
	}
	if err := <-ended; !errors.Is(err, io.EOF) {
		t.Fatalf("the stage ended with %v, want io.EOF", err)
	}
	if !bytes.Equal(sunk.got, want) {
		t.Fatalf("got %d bytes, want %d", len(sunk.got), len(want))
	}
	if r := w.Request(); r.RawQuery != "token=secret" || r.Path != "/mqtt" || r.Host != "broker" || r.Subprotocol != "mqtt" {
		t.Fatalf("request: %+v", r)
	}
}

func TestClientUnderstandsGobwasServer(t *testing.T) {
	ours, theirs := pipe(t)
	w := NewWebSocketClient(&ClientUpgrade{Host: "broker", Path: "/mqtt?x=1", Subprotocols: []string{"mqtt"}})
	served := make(chan error, 1)
	go func() {
		_, err := ws.Upgrader{Protocol: func(p []byte) bool { return string(p) == "mqtt" }}.Upgrade(theirs)
		for err == nil {
			var f ws.Frame
			if f, err = readFrame(theirs); err != nil {
				break
			}
			if !f.Header.Masked {
				err = errors.New("a frame that is not masked")
				break
			}
			f = ws.UnmaskFrameInPlace(f)
			f.Header.Masked = false
			if err = ws.WriteFrame(theirs, f); f.Header.OpCode == ws.OpClose {
				break
			}
		}
		served <- err
	}()

	if _, err := ours.Write(w.Start(nil)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64)
	var sunk collect
	var answers []byte
	feed := func() error {
		n, err := ours.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Feed(buf[:n], &answers, &sunk)
		return err
	}
	for !w.Open() {
		if err := feed(); err != nil {
			t.Fatal(err)
		}
	}
	var want []byte
	for _, n := range []int{1, 125, 126, 65535, 65536} {
		p := bytes.Repeat([]byte{1, 2, 3, byte(n)}, n/4+1)[:n]
		want = append(want, p...)
		if _, err := ours.Write(w.Seal(nil, p)); err != nil {
			t.Fatal(err)
		}
		for len(sunk.got) < len(want) {
			if err := feed(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !bytes.Equal(sunk.got, want) {
		t.Fatal("what came back is not what was sent")
	}
	if _, err := ours.Write(w.Close(nil, 1000)); err != nil {
		t.Fatal(err)
	}
	var err error
	for err == nil {
		err = feed()
	}
	if err != io.EOF || len(answers) > 0 {
		t.Fatalf("after the close: error %v, answers %x", err, answers)
	}
	if err := <-served; err != nil {
		t.Fatal(err)
	}
}
