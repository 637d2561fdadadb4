package netloop

import (
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// gate is an admission that lets a connection in while there is room.
type gate struct {
	room   atomic.Int64
	asked  atomic.Int64
	admits atomic.Int64
	panics atomic.Bool
}

func (g *gate) Ready() bool {
	g.asked.Add(1)
	if g.panics.Load() {
		panic(errTest)
	}
	return g.room.Load() > 0
}

func (g *gate) Admit(netip.AddrPort) (*Loop, any, bool) {
	g.admits.Add(1)
	if g.room.Add(-1) < 0 {
		panic("admitted although it was not ready")
	}
	return nil, nil, true
}

// gated serves an address of the network by way of a gate.
func gated(t *testing.T, e *Engine, network string) (g *gate, a *Acceptor, dial func() net.Conn) {
	t.Helper()
	addr := "127.0.0.1:0"
	if network == "unix" {
		addr = t.TempDir() + "/s"
	}
	ln, err := Listen(ListenOptions{Network: network, Address: addr})
	if err != nil {
		t.Fatal(err)
	}
	g = new(gate)
	a = e.Serve(ln, g)
	t.Cleanup(a.Stop)
	return g, a, func() net.Conn {
		t.Helper()
		c, err := net.Dial(network, ln.Addr().String())
		if err != nil {
			t.Fatalf("dial: %v", err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(patience))
		return c
	}
}

// startSlow runs an engine whose ticks do not come within a test.
func startSlow(t *testing.T, loops int, h Handler) *Engine {
	t.Helper()
	e, err := Start(Config{Loops: loops, Tick: time.Hour, Logger: slog.New(slog.DiscardHandler)}, h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, e) })
	return e
}

func (a *Acceptor) resting() rest {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.rest
}

func TestConnectionsWaitUntilContinue(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			e := startSlow(t, 2, echoer())
			g, a, dial := gated(t, e, network)
			const clients = 100 // more than are accepted at once
			var conns []net.Conn
			for range clients {
				c := dial()
				_, _ = c.Write([]byte("hello"))
				conns = append(conns, c)
			}
			eventually(t, "the acceptor at rest", func() bool { return a.resting() == unready })
			for _, room := range []int64{1, 10, 89} {
				g.room.Store(room)
				before := g.admits.Load()
				a.Continue()
				eventually(t, "as many as there is room for", func() bool { return g.admits.Load() == before+room })
			}
			for _, c := range conns {
				wants(t, c, "hello")
			}
			if a.Accepted() != clients || a.Shed() != 0 {
				t.Errorf("accepted %d, shed %d; want %d and 0", a.Accepted(), a.Shed(), clients)
			}
		})
	}
}

func TestConnectionsWaitUntilTheTick(t *testing.T) {
	e := start(t, 2, echoer())
	g, a, dial := gated(t, e, "tcp")
	c := dial()
	_, _ = c.Write([]byte("hello"))
	eventually(t, "the acceptor at rest", func() bool { return a.resting() == unready })
	g.room.Store(1)
	wants(t, c, "hello")
}

func TestARestCostsOneLookATick(t *testing.T) {
	var ticks atomic.Int64
	e := start(t, 1, &hooks{tick: func(*Loop, time.Duration) { ticks.Add(1) }})
	g, a, dial := gated(t, e, "tcp")
	dial()
	eventually(t, "the acceptor at rest", func() bool { return a.resting() == unready })
	asked, began := g.asked.Load(), ticks.Load()
	eventually(t, "twenty ticks", func() bool { return ticks.Load() >= began+20 })
	asked = g.asked.Load() - asked // before the ticks are read: one may come in between
	if n := ticks.Load() - began; asked > n+1 {
		t.Errorf("in %d ticks the backlog was looked at %d times, want once a tick", n, asked)
	}
}

// A Continue that comes while the acceptor is about to rest must not be lost: nothing else would wake it.
func TestContinueIsNeverLost(t *testing.T) {
	e := startSlow(t, 2, &hooks{data: func(c *Conn, _ []byte) { c.Close() }})
	g, a, dial := gated(t, e, "tcp")
	const clients = 400
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range clients / 4 {
				g.room.Add(1)
				a.Continue()
			}
		})
	}
	for range clients {
		c := dial()
		_, _ = c.Write([]byte("x"))
		_ = c.(*net.TCPConn).CloseWrite()
	}
	wg.Wait()
	eventually(t, "all clients served", func() bool { return a.Accepted() == clients })
}

// What ends a connection lets the next one in, on the acceptor's own loop and on the other.
func TestContinueFromTheHandler(t *testing.T) {
	var a atomic.Pointer[Acceptor]
	var g atomic.Pointer[gate]
	e := startSlow(t, 2, &hooks{data: func(c *Conn, _ []byte) { c.Close() }, closed: func(*Conn, error) {
		g.Load().room.Add(1)
		a.Load().Continue()
	}})
	gate, acceptor, dial := gated(t, e, "tcp")
	g.Store(gate)
	a.Store(acceptor)
	var conns []net.Conn
	for range 50 {
		c := dial()
		_, _ = c.Write([]byte("x"))
		conns = append(conns, c)
	}
	gate.room.Store(1) // one at a time
	acceptor.Continue()
	for _, c := range conns {
		wantsEnd(t, c)
	}
	if got := acceptor.Accepted(); got != 50 {
		t.Errorf("accepted %d, want 50", got)
	}
}

func TestAPanicOfReadyIsANo(t *testing.T) {
	e := start(t, 1, echoer())
	g, a, dial := gated(t, e, "tcp")
	g.room.Store(1)
	g.panics.Store(true)
	c := dial()
	_, _ = c.Write([]byte("hello"))
	eventually(t, "the acceptor at rest", func() bool { return a.resting() == unready })
	g.panics.Store(false)
	wants(t, c, "hello")
}

func TestStopEndsARest(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		e := start(t, 2, &hooks{})
		_, a, dial := gated(t, e, network)
		_, b, dialB := gated(t, e, network) // on the other loop, and stopped by the engine
		c, cb := dial(), dialB()
		eventually(t, "both at rest", func() bool { return a.resting() == unready && b.resting() == unready })
		a.Stop()
		a.Continue()
		if _, err := io.ReadAll(c); err == nil && network == "tcp" {
			t.Error("tcp: who waited for a stopped acceptor was told an orderly end, want a reset")
		}
		stop(t, e)
		b.Continue()
		if _, err := io.ReadAll(cb); err == nil && network == "tcp" {
			t.Error("tcp: who waited for a stopped engine was told an orderly end, want a reset")
		}
		if a.Accepted()+b.Accepted() != 0 {
			t.Errorf("%s: accepted %d and %d, want none", network, a.Accepted(), b.Accepted())
		}
	}
}

// Without descriptors who may come is shed, and who has to wait waits.
func TestWaitingIsNotShedding(t *testing.T) {
	e := start(t, 1, echoer())
	g, a, dial := gated(t, e, "unix")
	first := dial()
	eventually(t, "the acceptor at rest", func() bool { return a.resting() == unready }) // it has all it needs
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	undo := limitFiles(t, 0)
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: a.addr}); err != nil {
		t.Fatal(err)
	}
	asked := g.asked.Load()
	eventually(t, "some ticks", func() bool { return g.asked.Load() > asked+5 })
	if a.Shed() != 0 || a.Accepted() != 0 {
		t.Errorf("while nobody may come: accepted %d, shed %d; want none", a.Accepted(), a.Shed())
	}
	undo()
	g.room.Store(2)
	_, _ = first.Write([]byte("hello"))
	wants(t, first, "hello")
	eventually(t, "the other client", func() bool { return a.Accepted() == 2 })
	if a.Shed() != 0 {
		t.Errorf("shed %d, want 0", a.Shed())
	}
}

// Continue does not end the rest of an acceptor that has no descriptors: it would come to nothing, again and again.
func TestContinueLeavesTheStarvedAlone(t *testing.T) {
	e := startSlow(t, 1, &hooks{})
	g, a, _ := gated(t, e, "tcp")
	g.room.Store(1)
	eventually(t, "the acceptor at work", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		if !a.hung {
			return false
		}
		a.unhang(starved)
		return true
	})
	a.Continue()
	eventually(t, "the call heard", func() bool { return !a.told.Load() })
	if got := a.resting(); got != starved {
		t.Errorf("rest after Continue: got %d, want %d", got, starved)
	}
}
