package loop

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"
)

// echo is a server that gives each accepted connection to serve.
func echo(t testing.TB, serve func(net.Conn)) netip.AddrPort {
	t.Helper()
	var lc net.ListenConfig
	ln, err := lc.Listen(context.Background(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	accept(ln, serve)
	return ln.Addr().(*net.TCPAddr).AddrPort()
}

// accept gives each connection that comes to serve.
func accept(ln net.Listener, serve func(net.Conn)) {
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
}

func back(c net.Conn) { _, _ = io.Copy(c, c) }

func start(t testing.TB, cfg Config) *Group {
	t.Helper()
	g, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Stop)
	return g
}

// owner is a handler whose events are awaited.
type owner struct {
	conn   *Conn
	opened chan *Conn
	read   chan []byte
	closed chan error
}

func newOwner() *owner {
	return &owner{opened: make(chan *Conn, 1), read: make(chan []byte, 4096), closed: make(chan error, 1)}
}

func (o *owner) Open(c *Conn)              { o.conn = c; o.opened <- c }
func (o *owner) Data(_ *Conn, b []byte)    { o.read <- bytes.Clone(b) }
func (o *owner) Closed(_ *Conn, err error) { o.closed <- err }

const long = 20 * time.Second

func await[T any](t testing.TB, c <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(long):
		t.Fatalf("no %s within %v", what, long)
	}
	return v
}

// do runs f on the loop and waits.
func do(t testing.TB, l *Loop, f func()) {
	t.Helper()
	done := make(chan struct{})
	if !l.Post(func() { f(); close(done) }) {
		t.Fatal("the loop has ended")
	}
	await(t, done, "answer of the loop")
}

func TestWhatIsAppendedComesOutInOneWrite(t *testing.T) {
	reads := make(chan int, 100)
	addr := echo(t, func(c net.Conn) {
		buf := make([]byte, 1<<20)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			reads <- n
		}
	})
	g := start(t, Config{Addr: addr})
	o := newOwner()
	g.Dial(nil, o)
	c := await(t, o.opened, "connection")
	do(t, c.Loop(), func() {
		for range 100 {
			c.Out = append(c.Out, "0123456789"...)
			c.Flush()
		}
	})
	if got := await(t, reads, "bytes"); got != 1000 {
		t.Errorf("the first read brought %d bytes, want all 1000", got)
	}
}

func TestAFullSocketKeepsTheRest(t *testing.T) {
	hold := make(chan struct{})
	addr := echo(t, func(c net.Conn) {
		<-hold
		back(c)
	})
	g := start(t, Config{Addr: addr})
	o := newOwner()
	g.Dial(nil, o)
	c := await(t, o.opened, "connection")
	want := make([]byte, 32<<20)
	for i := range want {
		want[i] = byte(i * 7 >> 3)
	}
	do(t, c.Loop(), func() { c.Out = append(c.Out, want...); c.Flush() })
	do(t, c.Loop(), func() {
		if !c.Blocked() || len(c.Out) == 0 {
			t.Errorf("blocked %v with %d bytes to write, want a full socket", c.Blocked(), len(c.Out))
		}
	})
	close(hold)
	var got []byte
	for len(got) < len(want) {
		got = append(got, await(t, o.read, "echo")...)
	}
	if !bytes.Equal(got, want) {
		t.Error("what came back is not what was sent")
	}
}

func TestAPausedConnectionIsNotRead(t *testing.T) {
	g := start(t, Config{Addr: echo(t, back)})
	o, other := newOwner(), newOwner()
	g.Dial(nil, o)
	g.Dial(nil, other)
	c, d := await(t, o.opened, "connection"), await(t, other.opened, "connection")
	do(t, c.Loop(), func() { c.Pause(); c.Out = append(c.Out, "paused"...); c.Flush() })
	do(t, c.Loop(), func() { d.Out = append(d.Out, "other"...); d.Flush() })
	await(t, other.read, "echo of the connection that is read")
	do(t, c.Loop(), func() {})
	select {
	case b := <-o.read:
		t.Errorf("a paused connection read %q", b)
	default:
	}
	do(t, c.Loop(), c.Resume)
	if got := await(t, o.read, "echo"); string(got) != "paused" {
		t.Errorf("got %q, want %q", got, "paused")
	}
}

func TestClosingIsOrderlyAndAbortingResets(t *testing.T) {
	ends := make(chan error, 1)
	addr := echo(t, func(c net.Conn) {
		_, err := io.ReadAll(c)
		ends <- err
	})
	g := start(t, Config{Addr: addr})
	for _, tt := range []struct {
		name string
		end  func(*Conn)
		want error
	}{{"Close", (*Conn).Close, nil}, {"Abort", (*Conn).Abort, syscall.ECONNRESET}} {
		o := newOwner()
		g.Dial(nil, o)
		c := await(t, o.opened, "connection")
		do(t, c.Loop(), func() { tt.end(c) })
		if err := await(t, ends, "end at the peer"); !errors.Is(err, tt.want) {
			t.Errorf("%s: the peer sees %v, want %v", tt.name, err, tt.want)
		}
		if err := await(t, o.closed, "Closed"); err != nil {
			t.Errorf("%s: Closed got %v, want nil", tt.name, err)
		}
	}
}

func TestThePeersEndIsEOF(t *testing.T) {
	g := start(t, Config{Addr: echo(t, func(net.Conn) {})})
	o := newOwner()
	g.Dial(nil, o)
	if err := await(t, o.closed, "Closed"); err != io.EOF {
		t.Errorf("got %v, want io.EOF", err)
	}
}

func TestARefusedConnectionClosesItsHandler(t *testing.T) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().(*net.TCPAddr).AddrPort()
	ln.Close()
	g := start(t, Config{Addr: addr})
	o := newOwner()
	g.Dial(nil, o)
	if err := await(t, o.closed, "Closed"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, want %v", err, syscall.ECONNREFUSED)
	}
}

func TestConnectionsComeFromManyAddresses(t *testing.T) {
	from := make(chan string, 100)
	addr := echo(t, func(c net.Conn) { from <- c.RemoteAddr().(*net.TCPAddr).IP.String(); back(c) })
	g := start(t, Config{Addr: addr, Sources: 5, Loops: 2})
	for i := range 20 {
		g.Dial(g.Loops()[i%2], newOwner())
	}
	seen := map[string]int{}
	for range 20 {
		seen[await(t, from, "connection")]++
	}
	if len(seen) != 5 {
		t.Errorf("got addresses %v, want 5 of them", seen)
	}
}

func TestPostsRunInOrderAndNotAfterTheEnd(t *testing.T) {
	g := start(t, Config{Addr: netip.MustParseAddrPort("127.0.0.1:1"), Loops: 2})
	for _, l := range g.Loops() {
		next := 0
		for i := range 10_000 {
			l.Post(func() {
				if next != i {
					t.Errorf("got %d, want %d", i, next)
				}
				next = i + 1
			})
		}
		do(t, l, func() {})
		if next != 10_000 {
			t.Errorf("%d of 10000 ran", next)
		}
	}
	g.Stop()
	if g.Loops()[0].Post(func() {}) {
		t.Error("a loop that has ended took a post")
	}
}

func TestAnAlarmComesWhenItIsDueAndNotBefore(t *testing.T) {
	var g *Group
	rang, ready := make(chan time.Duration), make(chan struct{})
	hooks := Hooks{Alarm: func(*Loop) { <-ready; rang <- g.Now() }}
	g = start(t, Config{Addr: netip.MustParseAddrPort("127.0.0.1:1"), Hooks: hooks})
	close(ready)
	g.StartPacer()
	l := g.Loops()[0]
	for _, d := range []time.Duration{time.Millisecond, 3 * time.Millisecond, 30 * time.Millisecond} {
		var due time.Duration
		do(t, l, func() { due = g.Now() + d; l.SetAlarm(due) })
		if at := await(t, rang, "alarm"); at < due {
			t.Errorf("alarm of %v came %v early", d, due-at)
		}
	}
}

func TestStoppingClosesEverything(t *testing.T) {
	g := start(t, Config{Addr: echo(t, back), Loops: 2})
	var all []*owner
	for i := range 20 {
		o := newOwner()
		g.Dial(g.Loops()[i%2], o)
		await(t, o.opened, "connection")
		all = append(all, o)
	}
	g.Stop()
	for _, o := range all {
		await(t, o.closed, "Closed")
	}
}

// BenchmarkEcho is what a round trip of a window costs a loop, with a server of the same process.
func BenchmarkEcho(b *testing.B) {
	g := start(b, Config{Addr: echo(b, back)})
	o := newOwner()
	g.Dial(nil, o)
	c := await(b, o.opened, "connection")
	msg := bytes.Repeat([]byte("x"), 16*86)
	for b.Loop() {
		c.Loop().Post(func() { c.Out = append(c.Out, msg...); c.Flush() })
		for n := 0; n < len(msg); {
			n += len(<-o.read)
		}
	}
}
