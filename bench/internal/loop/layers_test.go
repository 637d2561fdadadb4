package loop

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/penstock-mqtt/penstock/bench/internal/pki"
	"github.com/penstock-mqtt/penstock/codec"
)

// trusted makes the two ends of TLS.
func trusted(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	f, err := pki.Write(t.TempDir(), pki.ECDSA)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		t.Fatal(err)
	}
	if client, err = f.Client(); err != nil {
		t.Fatal(err)
	}
	client.ServerName, client.NextProtos = "localhost", []string{"mqtt"}
	return &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"mqtt"}}, client
}

// web is a WebSocket's server end on a goroutine: what it reads it hands to on, and what that returns it sends.
func web(c net.Conn, on func([]byte) []byte) error {
	stage := codec.NewWebSocket(&codec.Upgrade{Path: "/mqtt", Subprotocols: []string{"mqtt"}})
	buf := make([]byte, 64<<10)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return err
		}
		var answers []byte
		var in sink
		_, err = stage.Feed(buf[:n], &answers, &in)
		for _, p := range in {
			answers = stage.Seal(answers, on(p))
		}
		_, werr := c.Write(answers)
		if err != nil {
			return err // whoever has said his last may be gone by now
		}
		if werr != nil {
			return werr
		}
	}
}

// sink keeps what each call brought apart.
type sink [][]byte

func (s *sink) Bytes(p []byte) bool {
	*s = append(*s, bytes.Clone(p))
	return true
}

func webEcho(c net.Conn) { _ = web(c, func(p []byte) []byte { return p }) }

// layered is a group whose peers echo through the same layers.
type layered struct {
	name  string
	serve func(net.Conn)
	cfg   Config
}

func allLayers(t testing.TB) []layered {
	server, client := trusted(t)
	secure := func(serve func(net.Conn)) func(net.Conn) {
		return func(c net.Conn) { serve(tls.Server(c, server)) }
	}
	upgrade := &codec.ClientUpgrade{Host: "localhost", Path: "/mqtt", Subprotocols: []string{"mqtt"}}
	return []layered{
		{"tls", secure(back), Config{Layers: &Layers{TLS: client}}},
		{"ws", webEcho, Config{Layers: &Layers{WebSocket: upgrade}}},
		{"wss", secure(webEcho), Config{Layers: &Layers{TLS: client, WebSocket: upgrade}}},
	}
}

func eachLayer(t *testing.T, f func(t *testing.T, l layered)) {
	for _, l := range allLayers(t) {
		t.Run(l.name, func(t *testing.T) { f(t, l) })
	}
}

func TestWhatGoesThroughLayersComesBackWhole(t *testing.T) {
	want := make([]byte, 8<<20)
	for i := range want {
		want[i] = byte(i * 7 >> 3)
	}
	eachLayer(t, func(t *testing.T, l layered) {
		hold := make(chan struct{})
		l.cfg.Addr = echo(t, func(c net.Conn) { <-hold; l.serve(c) })
		g, o := start(t, l.cfg), newOwner()
		g.Dial(nil, o)
		select { // the handshakes have not even begun
		case <-o.opened:
			t.Error("open before the handshakes")
		default:
		}
		close(hold)
		c := await(t, o.opened, "connection")
		for part := range bytesIn(want, 1<<20) { // more than a socket takes, in several flushes
			do(t, c.Loop(), func() { c.Out = append(c.Out, part...); c.Flush() })
		}
		var got []byte
		for len(got) < len(want) {
			got = append(got, await(t, o.read, "echo")...)
		}
		if !bytes.Equal(got, want) {
			t.Error("what came back is not what was sent")
		}
	})
}

func bytesIn(b []byte, size int) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(b) > 0 && yield(b[:min(size, len(b))]) {
			b = b[min(size, len(b)):]
		}
	}
}

func TestAFullSocketUnderLayersKeepsTheRest(t *testing.T) {
	eachLayer(t, func(t *testing.T, l layered) {
		hold, opened := make(chan struct{}), make(chan struct{})
		l.cfg.Addr = echo(t, func(c net.Conn) { l.serve(&holding{Conn: c, opened: opened, hold: hold}) })
		g, o := start(t, l.cfg), newOwner()
		g.Dial(nil, o)
		c := await(t, o.opened, "connection")
		close(opened)
		want := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
		for blocked := false; !blocked; {
			do(t, c.Loop(), func() { c.Out = append(c.Out, want...); c.Flush() })
			do(t, c.Loop(), func() { blocked = c.Blocked() })
		}
		do(t, c.Loop(), func() { c.Out = append(c.Out, "end"...); c.Flush() })
		close(hold)
		for tail := []byte(nil); !bytes.HasSuffix(tail, []byte("end")); {
			b := await(t, o.read, "echo")
			tail = append(tail, b...)
			tail = tail[max(0, len(tail)-3):]
		}
	})
}

// holding is a peer that stops reading once the handshakes are over.
type holding struct {
	net.Conn
	opened, hold chan struct{}
}

func (h *holding) Read(p []byte) (int, error) {
	select {
	case <-h.opened:
		<-h.hold
	default:
	}
	return h.Conn.Read(p)
}

// memory is a handler with a session cache of its own.
type memory struct {
	*owner
	cache tls.ClientSessionCache
}

func (m memory) Sessions() tls.ClientSessionCache { return m.cache }

func TestAResumerTakesUpItsSession(t *testing.T) {
	server, client := trusted(t)
	for version, name := range map[uint16]string{tls.VersionTLS12: "1.2", tls.VersionTLS13: "1.3"} {
		client := client.Clone()
		client.MaxVersion = version
		g := start(t, Config{Layers: &Layers{TLS: client}, Addr: echo(t, func(c net.Conn) { back(tls.Server(c, server)) })})
		caches := []tls.ClientSessionCache{tls.NewLRUClientSessionCache(1), tls.NewLRUClientSessionCache(1), nil}
		for range 3 {
			for _, cache := range caches {
				o := newOwner()
				g.Dial(nil, memory{o, cache})
				c := await(t, o.opened, "connection")
				do(t, c.Loop(), func() { c.Out = append(c.Out, "any"...); c.Flush() })
				await(t, o.read, "echo, and the ticket before it")
				do(t, c.Loop(), c.Close)
				await(t, o.closed, "Closed")
			}
		}
		if s := g.Handshakes(); s.Done != 9 || s.Resumed != 4 {
			t.Errorf("TLS %s: %d handshakes, %d of them resumed, want 9 and 4", name, s.Done, s.Resumed)
		}
	}
}

func TestAFrameIsAFlushOrAPacket(t *testing.T) {
	upgrade := &codec.ClientUpgrade{Host: "localhost", Path: "/mqtt", Subprotocols: []string{"mqtt"}}
	for _, tt := range []struct {
		packet func([]byte) int
		want   int
	}{{nil, 1}, {func([]byte) int { return 3 }, 4}} {
		frames := make(chan int, 100)
		g := start(t, Config{Layers: &Layers{WebSocket: upgrade, Packet: tt.packet}, Addr: echo(t, func(c net.Conn) {
			_ = web(c, func(p []byte) []byte { frames <- len(p); return p })
		})})
		o := newOwner()
		g.Dial(nil, o)
		c := await(t, o.opened, "connection")
		do(t, c.Loop(), func() { c.Out = append(c.Out, "abcdefghijkl"...); c.Flush() })
		got := 0
		for n := 0; n < 12; got++ {
			n += await(t, frames, "frame")
		}
		if got != tt.want {
			t.Errorf("12 bytes came in %d frames, want %d", got, tt.want)
		}
	}
}

// A unix socket refuses who comes when as many wait as it lets wait, where TCP would try again by itself.
func TestACrowdedUnixSocketIsDialledAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 1)); err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), path)
	ln, err := net.FileListener(f)
	f.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	g := start(t, Config{Unix: path})
	var all []*owner
	in := make(chan *Conn, 20)
	for range cap(in) {
		o := newOwner()
		o.opened = in
		all = append(all, o)
		g.Dial(nil, o)
	}
	conns := []*Conn{await(t, in, "connection"), await(t, in, "connection")} // they wait, the others find no place
	accept(ln, back)
	for len(conns) < cap(in) {
		conns = append(conns, await(t, in, "connection"))
	}
	for _, c := range conns {
		do(t, c.Loop(), func() { c.Out = append(c.Out, "x"...); c.Flush() })
	}
	for _, o := range all {
		await(t, o.read, "echo")
	}
}

// BenchmarkLayers is what a round trip of a window costs through layers, with the peer in the same process.
func BenchmarkLayers(b *testing.B) {
	for _, l := range allLayers(b) {
		b.Run(l.name, func(b *testing.B) {
			l.cfg.Addr = echo(b, l.serve)
			g, o := start(b, l.cfg), newOwner()
			g.Dial(nil, o)
			c := await(b, o.opened, "connection")
			msg := bytes.Repeat([]byte("x"), 16*86)
			for b.Loop() {
				c.Loop().Post(func() { c.Out = append(c.Out, msg...); c.Flush() })
				for n := 0; n < len(msg); {
					n += len(<-o.read)
				}
			}
		})
	}
}
