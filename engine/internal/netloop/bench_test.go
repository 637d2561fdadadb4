package netloop

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The clients of some benchmarks are a process of their own: this one again, told what to do by its environment.
const clientEnv = "NETLOOP_TEST_CLIENT"

func TestMain(m *testing.M) {
	if role := os.Getenv(clientEnv); role != "" {
		n, err := strconv.Atoi(os.Getenv("COUNT"))
		if err == nil {
			err = map[string]func(string, int) error{"storm": storm, "hold": hold, "heir": heir}[role](os.Getenv("ADDR"), n)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// storm connects n times, by 64 at once, and waits for the other side's end each time: one that does not wait overruns
// the kernel's queue of 4,096, and then its retransmissions are what is measured.
func storm(addr string, n int) error {
	var left atomic.Int64
	left.Store(int64(n))
	errs := make(chan error, 64)
	for range cap(errs) {
		go func() {
			for left.Add(-1) >= 0 {
				c, err := net.Dial("tcp", addr)
				if err != nil {
					errs <- err
					return
				}
				_, _ = c.Read(make([]byte, 1))
				_ = c.(*net.TCPConn).SetLinger(0)
				_ = c.Close()
			}
			errs <- nil
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

// hold keeps n connections until its input ends.
func hold(addr string, n int) error {
	for range n {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		defer c.Close()
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// client runs this program as a client. wait waits for its end, which closing its input brings about.
func client(b *testing.B, role, addr string, n int) (stdin io.Closer, wait func()) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), clientEnv+"="+role, "ADDR="+addr, "COUNT="+strconv.Itoa(n))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	return in, func() {
		if err := cmd.Wait(); err != nil {
			b.Error(err)
		}
	}
}

// cpu is what this process has used.
func cpu() time.Duration {
	var ru unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &ru)
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}

// BenchmarkAccept is one connection: accepted, enrolled, opened, closed.
func BenchmarkAccept(b *testing.B) {
	var closes atomic.Int64
	e := start(b, 2, &hooks{open: (*Conn).Close, closed: func(*Conn, error) { closes.Add(1) }})
	ln, err := Listen(ListenOptions{Network: "tcp", Address: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(e.Serve(ln, AdmitFunc(func(netip.AddrPort) (*Loop, any, bool) { return nil, nil, true })).Stop)
	b.ReportAllocs()
	b.ResetTimer()
	used := cpu()
	_, wait := client(b, "storm", ln.Addr().String(), b.N)
	wait()
	eventually(b, "all connections closed", func() bool { return closes.Load() == int64(b.N) })
	b.ReportMetric(float64(cpu()-used)/float64(b.N), "cpu-ns/op")
}

// BenchmarkIdleConnections reports the memory of connections that do nothing: the difference between 4,000 and 12,000.
func BenchmarkIdleConnections(b *testing.B) {
	rss := func(n int) int {
		e := start(b, 2, &hooks{})
		ln, err := Listen(ListenOptions{Network: "tcp", Address: "127.0.0.1:0"})
		if err != nil {
			b.Fatal(err)
		}
		a := e.Serve(ln, AdmitFunc(func(netip.AddrPort) (*Loop, any, bool) { return nil, nil, true }))
		in, wait := client(b, "hold", ln.Addr().String(), n)
		eventually(b, "all connections", func() bool { return a.Accepted() == uint64(n) })
		debug.FreeOSMemory()
		debug.FreeOSMemory()
		var size, resident int
		statm, _ := os.ReadFile("/proc/self/statm")
		_, _ = fmt.Sscan(string(statm), &size, &resident)
		_ = in.Close()
		wait()
		stop(b, e)
		return resident * os.Getpagesize()
	}
	for b.Loop() { // meaningful once: a second time finds memory the first one left
		few := rss(4_000)
		b.ReportMetric(float64(rss(12_000)-few)/8000, "B/conn")
	}
}

// BenchmarkEcho is 64 bytes there and back, by one client that waits for each and by many that do not wait for others.
func BenchmarkEcho(b *testing.B) {
	for _, clients := range []int{1, 50} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			e := start(b, 2, &hooks{data: echo})
			dial, _ := serve(b, e, "tcp", nil)
			var wg sync.WaitGroup
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ReportAllocs()
			b.ResetTimer()
			for range clients {
				c := dial()
				wg.Go(func() {
					buf := make([]byte, 64)
					for left.Add(-1) >= 0 {
						_, _ = c.Write(buf)
						if _, err := io.ReadFull(c, buf); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// inbox is what a loop is woken for.
type inbox struct {
	sync.Mutex
	items, spare []int
}

func (q *inbox) push(i int) {
	q.Lock()
	q.items = append(q.items, i)
	q.Unlock()
}

func (q *inbox) drain() int {
	q.Lock()
	items := q.items
	q.items = q.spare[:0]
	q.Unlock()
	q.spare = items
	return len(items)
}

// BenchmarkWake hands items from another goroutine to a loop: with so many under way at most.
func BenchmarkWake(b *testing.B) {
	for _, window := range []int{1, 64, 8192} {
		b.Run(fmt.Sprintf("window=%d", window), func(b *testing.B) {
			var q inbox
			room := make(chan int, 1<<14)
			wakes := 0
			e := start(b, 1, &hooks{wake: func(*Loop) {
				wakes++
				if n := q.drain(); n > 0 {
					room <- n
				}
			}})
			l := e.Loops()[0]
			b.ReportAllocs()
			b.ResetTimer()
			used := cpu()
			free := window
			for i := range b.N {
				for free == 0 {
					free += <-room
				}
				free--
				q.push(i)
				l.Wake()
			}
			for free < window {
				free += <-room
			}
			b.ReportMetric(float64(cpu()-used)/float64(b.N), "cpu-ns/op")
		})
	}
}

// BenchmarkWakeBetweenLoops is one hop of a token that two loops hand each other.
func BenchmarkWakeBetweenLoops(b *testing.B) {
	var left atomic.Int64
	done := make(chan struct{})
	var e *Engine
	e = start(b, 2, &hooks{wake: func(l *Loop) {
		switch n := left.Add(-1); {
		case n > 0:
			e.Loops()[1-l.Index()].Wake()
		case n == 0:
			close(done)
		}
	}})
	left.Store(int64(b.N))
	b.ReportAllocs()
	b.ResetTimer()
	e.Loops()[0].Wake()
	recv(b, "the token", done)
}

// BenchmarkDefer is one read answered by a flush behind the events of its round.
func BenchmarkDefer(b *testing.B) {
	var dirty []*Conn
	msg := make([]byte, 64)
	e := start(b, 1, &hooks{
		data: func(c *Conn, _ []byte) { dirty = append(dirty, c); c.Loop().Defer() },
		flush: func(*Loop) {
			for _, c := range dirty {
				_, _ = c.Write(msg)
			}
			dirty = dirty[:0]
		},
	})
	dial, _ := serve(b, e, "tcp", nil)
	c := dial()
	b.ReportAllocs()
	buf := make([]byte, 64)
	for b.Loop() {
		_, _ = c.Write(buf)
		if _, err := io.ReadFull(c, buf); err != nil {
			b.Fatal(err)
		}
	}
}
