package netloop

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
)

func TestStopLeavesNothingBehind(t *testing.T) {
	before := goroutines()
	var opens, closes atomic.Int64
	e := start(t, 3, &hooks{
		data:   echo,
		open:   func(*Conn) { opens.Add(1) },
		closed: func(c *Conn, _ error) { closes.Add(1); c.Loop().Wake(); c.Loop().Defer() },
	})
	if goroutines() <= before {
		t.Fatal("the count of goroutines does not see a running engine")
	}
	dial, a := serve(t, e, "tcp", nil)
	for i := range 30 {
		c := dial()
		if i%3 == 0 {
			_, _ = c.Write([]byte("x"))
			wants(t, c, "x")
		}
	}
	eventually(t, "30 connections", func() bool { return a.Accepted() == 30 })
	stop(t, e)
	stop(t, e)
	if opens.Load() != 30 || closes.Load() != 30 {
		t.Errorf("opened %d, closed %d; want 30 each", opens.Load(), closes.Load())
	}
	for _, l := range e.Loops() {
		l.Wake() // must not touch a descriptor any more
		if l.Conns() != 0 {
			t.Errorf("loop %d counts %d connections", l.Index(), l.Conns())
		}
	}
	eventually(t, "all goroutines gone", func() bool { return goroutines() <= before })
}

func TestStoppedEngineTakesNothing(t *testing.T) {
	e := start(t, 1, &hooks{open: func(*Conn) { t.Error("Open on a stopped engine") }})
	stop(t, e)
	ln, err := Listen(ListenOptions{Network: "tcp", Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	nc, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Enroll(nc, nil, nil); err != ErrStopped {
		t.Errorf("Enroll: got %v, want ErrStopped", err)
	}
	wantsEnd(t, client)
	a := e.Serve(ln, AdmitFunc(func(netip.AddrPort) (*Loop, any, bool) { return nil, nil, true }))
	a.Stop()
	if _, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		t.Error("Serve on a stopped engine left the listener open")
	}
}

func TestEnrollRefusesWhatItCannotRead(t *testing.T) {
	e := start(t, 1, &hooks{})
	a, b := net.Pipe()
	defer b.Close()
	if err := e.Enroll(a, nil, nil); err == nil {
		t.Error("Enroll of a net.Pipe: got nil, want an error")
	}
	if _, err := a.Write([]byte("x")); err == nil {
		t.Error("a refused connection was left open")
	}
	ln, err := Listen(ListenOptions{Network: "tcp", Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if err := e.Enroll(c, nil, nil); err == nil {
		t.Error("Enroll of a closed connection: got nil, want an error")
	}
	if got := e.Loops()[0].Conns(); got != 0 {
		t.Errorf("connections counted: got %d, want 0", got)
	}
}

func TestStopDuringAStormOfConnectionsAndWakes(t *testing.T) {
	before := goroutines()
	for range 5 {
		var opens, closes atomic.Int64
		e := start(t, 2, &hooks{
			data:   echo,
			open:   func(*Conn) { opens.Add(1) },
			closed: func(*Conn, error) { closes.Add(1) },
			wake:   func(l *Loop) { l.Defer() },
		})
		ln, err := Listen(ListenOptions{Network: "tcp", Address: "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		e.Serve(ln, AdmitFunc(func(netip.AddrPort) (*Loop, any, bool) { return nil, nil, true }))
		quit := make(chan struct{})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for {
					select {
					case <-quit:
						return
					default:
					}
					for _, l := range e.Loops() {
						l.Wake()
					}
					c, err := net.Dial("tcp", ln.Addr().String())
					if err == nil {
						_ = c.(*net.TCPConn).SetLinger(0)
						_ = c.Close()
					}
				}
			})
		}
		eventually(t, "some connections", func() bool { return opens.Load() > 50 })
		stop(t, e)
		close(quit)
		wg.Wait()
		if opens.Load() != closes.Load() {
			t.Errorf("opened %d, closed %d; want as many", opens.Load(), closes.Load())
		}
	}
	eventually(t, "all goroutines gone", func() bool { return goroutines() <= before })
}

func TestStopGivesUpWithItsContext(t *testing.T) {
	release := make(chan struct{})
	e := start(t, 1, &hooks{wake: func(*Loop) { <-release }})
	e.Loops()[0].Wake()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := e.Stop(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Stop: got %v, want context.Canceled", err)
	}
	close(release)
	stop(t, e)
}
