package netloop

import (
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestEveryWakeIsAnswered(t *testing.T) {
	const goroutines, each = 8, 5000
	var sent, seen, wakes atomic.Int64
	e := start(t, 1, &hooks{wake: func(*Loop) { wakes.Add(1); seen.Store(sent.Load()) }})
	l := e.Loops()[0]
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range each {
				sent.Add(1)
				l.Wake()
			}
		})
	}
	wg.Wait()
	eventually(t, "the last wake", func() bool { return seen.Load() == goroutines*each })
	if n := wakes.Load(); n > goroutines*each {
		t.Errorf("%d wakes for %d calls", n, goroutines*each)
	}
}

func TestWakesOfABusyLoopCountAsOne(t *testing.T) {
	var q runQueue
	wakes := 0
	e := start(t, 1, &hooks{wake: func(l *Loop) { wakes++; q.wake(l) }})
	l := e.Loops()[0]
	q.on(t, l, func() {
		wakes = 0
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 1000 {
					l.Wake()
				}
			})
		}
		wg.Wait()
	})
	q.on(t, l, func() { // this one's own wake may be the same or the next
		if wakes < 1 || wakes > 2 {
			t.Errorf("4,000 calls while the loop was busy and one after: %d wakes, want 1 or 2", wakes)
		}
	})
}

func TestFlushRunsOnceBehindTheEventsOfARound(t *testing.T) {
	var q runQueue
	var trace strings.Builder
	e := start(t, 1, &hooks{
		wake: q.wake,
		data: func(c *Conn, b []byte) {
			trace.Write(b)
			c.Loop().Defer()
			c.Loop().Defer()
		},
		flush: func(*Loop) { trace.WriteByte('F') },
	})
	l := e.Loops()[0]
	dial, a := serve(t, e, "unix", nil) // readable as soon as written
	clients := []net.Conn{dial(), dial(), dial()}
	eventually(t, "three connections", func() bool { return a.Accepted() == 3 })
	for range 20 {
		q.on(t, l, func() { // all are readable before the loop polls again
			trace.Reset()
			for _, c := range clients {
				_, _ = c.Write([]byte("d"))
			}
		})
		eventually(t, "a flush", func() (yes bool) {
			q.on(t, l, func() { yes = strings.HasSuffix(trace.String(), "F") && trace.Len() >= 4 })
			return yes
		})
		q.on(t, l, func() {
			if got := trace.String(); got != "dddF" {
				t.Errorf("order: got %q, want %q", got, "dddF")
			}
		})
	}
}

func TestFlushFollowsWakeInTheSamePass(t *testing.T) {
	var trace strings.Builder
	done := make(chan string, 1)
	e := start(t, 1, &hooks{
		wake: func(l *Loop) {
			trace.WriteByte('W')
			l.Defer()
			l.Wake() // is for later
		},
		flush: func(*Loop) {
			trace.WriteByte('F')
			if trace.Len() == 6 {
				done <- trace.String()
			}
		},
	})
	e.Loops()[0].Wake()
	if got := recv(t, "three passes", done); got != "WFWFWF" {
		t.Errorf("order: got %q, want %q", got, "WFWFWF")
	}
}

func TestWakesAndFlushesWithoutEndDoNotStarveSockets(t *testing.T) {
	for name, h := range map[string]*hooks{
		"a wake that wakes":         {data: echo, wake: func(l *Loop) { l.Wake() }},
		"a flush that defers":       {data: echo, wake: func(l *Loop) { l.Defer() }, flush: func(l *Loop) { l.Defer() }},
		"a flush that wakes itself": {data: echo, wake: func(l *Loop) { l.Defer() }, flush: func(l *Loop) { l.Wake() }},
		"others that wake":          {data: echo, wake: func(*Loop) {}},
	} {
		t.Run(name, func(t *testing.T) {
			e := start(t, 1, h)
			l := e.Loops()[0]
			dial, _ := serve(t, e, "tcp", nil)
			c := dial()
			l.Wake()
			if name == "others that wake" {
				quit := make(chan struct{})
				var wg sync.WaitGroup
				t.Cleanup(func() { close(quit); wg.Wait() })
				wg.Go(func() {
					for {
						select {
						case <-quit:
							return
						default:
							l.Wake()
						}
					}
				})
			}
			for range 20 {
				_, _ = c.Write([]byte("x"))
				wants(t, c, "x")
			}
		})
	}
}

func TestTicksAreMonotonicAndNotCaughtUp(t *testing.T) {
	var q runQueue
	var last [2]time.Duration
	var ticks [2]atomic.Int64
	e := start(t, 2, &hooks{
		wake: q.wake,
		tick: func(l *Loop, now time.Duration) {
			if now <= last[l.Index()] {
				t.Errorf("loop %d: tick at %v after one at %v", l.Index(), now, last[l.Index()])
			}
			last[l.Index()] = now
			ticks[l.Index()].Add(1)
		},
	})
	eventually(t, "ticks on both loops", func() bool { return ticks[0].Load() > 3 && ticks[1].Load() > 3 })
	var mine, others int64
	q.on(t, e.Loops()[0], func() {
		mine, others = ticks[0].Load(), ticks[1].Load()
		eventually(t, "10 ticks of the other loop", func() bool { return ticks[1].Load() >= others+10 })
		f := func() { mine = ticks[0].Load() - mine }
		q.todo.Store(&f)
		e.Loops()[0].Wake() // answered behind the tick that is due
	})
	eventually(t, "the wake", func() bool { return q.todo.Load() == nil })
	q.on(t, e.Loops()[0], func() {
		if mine != 1 {
			t.Errorf("a loop that was late by 10 ticks got %d, want 1", mine)
		}
	})
}

// The read buffer is the loop's: what a handler keeps it must copy. That Data gets all there is up to its size in one
// piece is what the decoder above relies on for speed.
func TestDataGetsAWholeReadAtOnce(t *testing.T) {
	var q runQueue
	sizes := make(chan int, 8)
	e := start(t, 1, &hooks{wake: q.wake, data: func(_ *Conn, b []byte) { sizes <- len(b) }})
	dial, a := serve(t, e, "unix", nil)
	c := dial()
	eventually(t, "a connection", func() bool { return a.Accepted() == 1 })
	q.on(t, e.Loops()[0], func() {
		for range 4 {
			_, _ = io.WriteString(c, strings.Repeat("x", 1000))
		}
	})
	if got := recv(t, "Data", sizes); got != 4000 {
		t.Errorf("first Data: got %d bytes, want 4000", got)
	}
}
