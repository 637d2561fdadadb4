package netloop

import (
	"net"
	"sync/atomic"
	"testing"
)

// helper is an engine of two loops whose second one does f in each Wake.
func helper(t *testing.T, h *hooks, f func(l *Loop)) (first, second *Loop, q *runQueue) {
	t.Helper()
	q = &runQueue{}
	h.wake = func(l *Loop) {
		if l.Index() == 0 {
			q.wake(l)
			return
		}
		f(l)
	}
	e := start(t, 2, h)
	return e.Loops()[0], e.Loops()[1], q
}

func TestAnIdleLoopIsHelpedAtOnce(t *testing.T) {
	wakes, flushes := 0, 0
	first, second, q := helper(t,
		&hooks{flush: func(l *Loop) { flushes += l.Index() }},
		func(l *Loop) { wakes++; l.Defer() },
	)
	eventually(t, "a Wake and a Flush before Help returns", func() (done bool) {
		q.on(t, first, func() { done = second.help() && wakes == 1 && flushes == 1 })
		return done
	})
}

func TestABusyLoopIsWokenInstead(t *testing.T) {
	gate, in := make(chan struct{}), make(chan struct{}, 8)
	first, second, q := helper(t, &hooks{}, func(*Loop) { in <- struct{}{}; <-gate })
	second.Wake()
	recv(t, "the first Wake", in)
	q.on(t, first, func() { second.Help() }) // returns although the gate is closed
	if len(in) != 0 {
		t.Error("Wake ran while the loop was in another")
	}
	close(gate)
	recv(t, "the second Wake", in)
}

func TestAConnectionThatAHelperClosesEndsOnItsOwnLoop(t *testing.T) {
	var victim atomic.Pointer[Conn]
	closed := make(chan error, 1)
	first, second, q := helper(t,
		&hooks{
			open: func(c *Conn) { victim.Store(c) },
			closed: func(c *Conn, err error) {
				if c.Loop().helped {
					t.Error("Closed ran on the goroutine of another loop")
				}
				closed <- err
			},
		},
		func(*Loop) {
			if c := victim.Swap(nil); c != nil {
				c.Close()
			}
		},
	)
	dial, _ := serve(t, first.e, "tcp", second)
	helped := false
	for !helped {
		c := dial()
		eventually(t, "the connection", func() bool { return victim.Load() != nil })
		q.on(t, first, func() {
			if helped = second.help(); !helped {
				second.Wake()
			}
		})
		if err := recv(t, "Closed", closed); err != nil {
			t.Errorf("Closed: got %v, want nil", err)
		}
		wantsEnd(t, c)
	}
}

// Two loops that help each other while both have clients: the race detector looks at what the lock is for.
func TestLoopsThatHelpEachOtherServeTheirClients(t *testing.T) {
	var helped atomic.Int64
	e := start(t, 2, &hooks{
		wake: func(l *Loop) { l.Value = 0; l.Defer() },
		data: func(c *Conn, b []byte) {
			c.Loop().Value = len(b)
			_, _ = c.Write(b)
			c.Loop().Defer()
		},
		flush: func(l *Loop) {
			if l.Value != 0 { // something was read
				l.Value = 0
				if l.e.loops[1-l.Index()].Help() {
					helped.Add(1)
				}
			}
		},
	})
	dial, _ := serve(t, e, "tcp", nil)
	done := make(chan net.Conn)
	const clients, rounds = 4, 500
	for range clients {
		c := dial()
		go func() {
			defer func() { done <- c }()
			b := make([]byte, 1)
			for range rounds {
				if _, err := c.Write(b); err != nil {
					t.Errorf("write: %v", err)
					return
				}
				if _, err := c.Read(b); err != nil {
					t.Errorf("read: %v", err)
					return
				}
			}
		}()
	}
	for range clients {
		recv(t, "a client that is done", done)
	}
	eventually(t, "passes that helped", func() bool { return helped.Load() > 0 })
}
