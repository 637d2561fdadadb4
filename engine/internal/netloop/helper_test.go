package netloop

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// hooks is a Handler out of functions; a nil one does nothing.
type hooks struct {
	open     func(c *Conn)
	data     func(c *Conn, b []byte)
	closed   func(c *Conn, err error)
	writable func(c *Conn)
	wake     func(l *Loop)
	flush    func(l *Loop)
	tick     func(l *Loop, now time.Duration)
	panicked func(c *Conn, v any, stack []byte)
}

func call1[A any](f func(A), a A) {
	if f != nil {
		f(a)
	}
}

func call2[A, B any](f func(A, B), a A, b B) {
	if f != nil {
		f(a, b)
	}
}

func (h *hooks) Open(c *Conn)                    { call1(h.open, c) }
func (h *hooks) Data(c *Conn, b []byte)          { call2(h.data, c, b) }
func (h *hooks) Closed(c *Conn, err error)       { call2(h.closed, c, err) }
func (h *hooks) Writable(c *Conn)                { call1(h.writable, c) }
func (h *hooks) Wake(l *Loop)                    { call1(h.wake, l) }
func (h *hooks) Flush(l *Loop)                   { call1(h.flush, l) }
func (h *hooks) Tick(l *Loop, now time.Duration) { call2(h.tick, l, now) }
func (h *hooks) Panicked(c *Conn, v any, s []byte) {
	if h.panicked == nil {
		panic(v)
	}
	h.panicked(c, v, s)
}

// echo writes back what it reads; for small things: what the socket does not take is lost.
func echo(c *Conn, b []byte) { _, _ = c.Write(b) }

// echoer writes back whatever comes: what the socket does not take is kept, and nothing read meanwhile.
func echoer() *hooks {
	return &hooks{
		data: func(c *Conn, b []byte) {
			if n, _ := c.Write(b); n < len(b) {
				c.Value = bytes.Clone(b[n:])
				c.Pause()
				c.WaitWritable()
			}
		},
		writable: func(c *Conn) {
			b := c.Value.([]byte)
			n, _ := c.Write(b)
			if c.Value = b[n:]; n < len(b) {
				c.WaitWritable()
				return
			}
			c.Resume()
		},
	}
}

// start runs an engine for the test and checks that it leaves no goroutine.
func start(t testing.TB, loops int, h Handler) *Engine {
	t.Helper()
	e, err := Start(Config{Loops: loops, Tick: 5 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)}, h)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(func() { stop(t, e) })
	return e
}

func stop(t testing.TB, e *Engine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := e.Stop(ctx); err != nil {
		t.Fatalf("Stop: %v\n%s", err, stacks())
	}
}

// serve accepts on a port of its own and returns a dialler for it.
func serve(t testing.TB, e *Engine, network string, l *Loop) (dial func() net.Conn, a *Acceptor) {
	t.Helper()
	addr := "127.0.0.1:0"
	if network == "unix" {
		addr = t.TempDir() + "/s"
	}
	ln, err := Listen(ListenOptions{Network: network, Address: addr})
	if err != nil {
		t.Fatalf("Listen(%s): %v", network, err)
	}
	a = e.Serve(ln, AdmitFunc(func(netip.AddrPort) (*Loop, any, bool) { return l, nil, true }))
	t.Cleanup(a.Stop)
	return func() net.Conn {
		t.Helper()
		c, err := net.Dial(network, ln.Addr().String())
		if err != nil {
			t.Fatalf("dial: %v", err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(patience))
		return c
	}, a
}

// eventually waits until ok says yes.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(patience)
	again := time.NewTicker(200 * time.Microsecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("never: %s\n%s", what, stacks())
		}
	}
}

// recv waits for a value.
func recv[T any](t testing.TB, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("never: %s\n%s", what, stacks())
		panic("unreachable")
	}
}

// on runs f on the loop, by Wake, and waits for it. The engine's wake hook must be runQueue's.
type runQueue struct{ todo atomic.Pointer[func()] }

func (q *runQueue) wake(*Loop) {
	if f := q.todo.Swap(nil); f != nil {
		(*f)()
	}
}

func (q *runQueue) on(t testing.TB, l *Loop, f func()) {
	t.Helper()
	done := make(chan struct{})
	g := func() { defer close(done); f() }
	q.todo.Store(&g)
	l.Wake()
	recv(t, "a function on the loop", done)
}

// wants reads exactly want from c.
func wants(t testing.TB, c io.Reader, want string) {
	t.Helper()
	b := make([]byte, len(want))
	n, err := io.ReadFull(c, b)
	if err != nil || string(b) != want {
		t.Fatalf("read %q, %v; want %q", b[:n], err, want)
	}
}

// wantsEnd reads until the peer's end, which must come without a reset, and returns what came.
func wantsEnd(t testing.TB, c io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("read to the end: %q, %v; want no error", b, err)
	}
	return string(b)
}

func stacks() string {
	b := make([]byte, 1<<20)
	return string(b[:runtime.Stack(b, true)])
}

// goroutines counts those that run code of this package or a loop of gnet.
func goroutines() (n int) {
	for g := range strings.SplitSeq(stacks(), "\n\n") {
		if strings.Contains(g, "netloop.(*Engine)") || strings.Contains(g, "netloop.(*Acceptor)") ||
			strings.Contains(g, "netloop.(*notifier)") || strings.Contains(g, "gnet/v2.(*eventloop)") {
			n++
		}
	}
	return n
}

var errTest = errors.New("test")
