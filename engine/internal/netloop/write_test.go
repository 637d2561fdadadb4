package netloop

import (
	"io"
	"testing"
	"unsafe"
)

func TestWritevLeavesItsInputAlone(t *testing.T) {
	var q runQueue
	opened := make(chan *Conn, 1)
	e := start(t, 1, &hooks{wake: q.wake, open: func(c *Conn) { opened <- c }})
	dial, _ := serve(t, e, "tcp", nil)
	client := dial()
	c := recv(t, "Open", opened)

	bufs := make([][]byte, 600) // of 64 KB: no socket takes all
	total := 0
	for i := range bufs {
		if i%7 == 3 {
			continue // empty ones are legal
		}
		bufs[i] = make([]byte, 64<<10)
		for j := range bufs[i] {
			bufs[i][j] = byte(i)
		}
		total += len(bufs[i])
	}
	before := append([][]byte(nil), bufs...)
	var n int
	var err error
	q.on(t, e.Loops()[0], func() { n, err = c.Writev(bufs); c.Close() })
	if err != nil || n <= 0 || n >= total {
		t.Fatalf("Writev of %d bytes: got %d, %v; want a part, nil", total, n, err)
	}
	for i := range bufs {
		if len(bufs[i]) != len(before[i]) || unsafe.SliceData(bufs[i]) != unsafe.SliceData(before[i]) {
			t.Fatalf("element %d was changed", i)
		}
	}
	got := wantsEnd(t, client)
	if len(got) != n {
		t.Fatalf("the peer read %d bytes, Writev said %d", len(got), n)
	}
	at := 0
	for i, b := range bufs {
		for range b {
			if at == len(got) {
				return
			}
			if got[at] != byte(i) {
				t.Fatalf("byte %d: got %d, want %d", at, got[at], byte(i))
			}
			at++
		}
	}
}

func TestWritevTakesTheFirst1024(t *testing.T) {
	var q runQueue
	opened := make(chan *Conn, 1)
	e := start(t, 1, &hooks{wake: q.wake, open: func(c *Conn) { opened <- c }})
	dial, _ := serve(t, e, "tcp", nil)
	dial()
	c := recv(t, "Open", opened)
	bufs := make([][]byte, 3000)
	for i := range bufs {
		bufs[i] = []byte{1}
	}
	q.on(t, e.Loops()[0], func() {
		if n, err := c.Writev(bufs); n != maxVec || err != nil {
			t.Errorf("Writev of 3,000 bytes in slices of one: got %d, %v; want %d, nil", n, err, maxVec)
		}
		if n, err := c.Writev(nil); n != 0 || err != nil {
			t.Errorf("Writev(nil): got %d, %v; want 0, nil", n, err)
		}
		if n, err := c.Write(nil); n != 0 || err != nil {
			t.Errorf("Write(nil): got %d, %v; want 0, nil", n, err)
		}
	})
}

func TestWritingAllocatesNothing(t *testing.T) {
	var q runQueue
	opened := make(chan *Conn, 1)
	e := start(t, 1, &hooks{wake: q.wake, open: func(c *Conn) { opened <- c }})
	dial, _ := serve(t, e, "tcp", nil)
	client := dial()
	go func() { _, _ = io.Copy(io.Discard, client) }()
	c := recv(t, "Open", opened)
	b := make([]byte, 64)
	bufs := [][]byte{b, b, b}
	q.on(t, e.Loops()[0], func() {
		for name, f := range map[string]func(){
			"Write":        func() { _, _ = c.Write(b) },
			"Writev":       func() { _, _ = c.Writev(bufs) },
			"WaitWritable": func() { c.WaitWritable() },
			"Pause/Resume": func() { c.Pause(); c.Resume() },
		} {
			if got := testing.AllocsPerRun(100, f); got != 0 {
				t.Errorf("%s: got %v allocations, want 0", name, got)
			}
		}
	})
}

// sender writes size bytes of a pattern as the socket takes them.
func sender(size int, blocked func()) *hooks {
	push := func(c *Conn) {
		at := c.Value.(int)
		defer func() { c.Value = at }()
		for at < size {
			b := pattern[at%len(pattern):]
			b = b[:min(len(b), size-at)]
			n, err := c.Write(b)
			if at += n; err != nil {
				return
			}
			if n < len(b) {
				blocked()
				c.WaitWritable()
				return
			}
		}
		c.Finish(patience)
	}
	return &hooks{open: func(c *Conn) { c.Value = 0; push(c) }, writable: push}
}

var pattern = func() []byte {
	b := make([]byte, 251<<10)
	for i := range b {
		b[i] = byte(i % 251)
	}
	return b
}()

func TestWritableComesWhenAStalledReaderReads(t *testing.T) {
	const size = 48 << 20
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			blocks := 0
			blocked := make(chan struct{}, 1)
			e := start(t, 2, sender(size, func() {
				blocks++
				select {
				case blocked <- struct{}{}:
				default:
				}
			}))
			dial, _ := serve(t, e, network, e.Loops()[1])
			c := dial()
			recv(t, "a full socket", blocked)
			buf := make([]byte, 1<<20)
			at := 0
			for {
				n, err := c.Read(buf)
				for i, b := range buf[:n] {
					if b != byte((at+i)%251) {
						t.Fatalf("byte %d: got %d, want %d", at+i, b, byte((at+i)%251))
					}
				}
				if at += n; err == io.EOF {
					break
				} else if err != nil {
					t.Fatal(err)
				}
			}
			if at != size {
				t.Errorf("read %d bytes, want %d", at, size)
			}
			stop(t, e)
			t.Logf("blocked %d times", blocks)
		})
	}
}

// The event of a connection that is no more must not reach the one that has its descriptor now.
func TestWritableOfAClosedConnectionIsNobodys(t *testing.T) {
	var q runQueue
	opened := make(chan opening, 1)
	told := 0
	e := start(t, 1, &hooks{wake: q.wake, open: func(c *Conn) { opened <- opening{c, c.fd} }, writable: func(*Conn) { told++ }})
	l := e.Loops()[0]
	dial, _ := serve(t, e, "tcp", nil)
	client := dial()
	a := recv(t, "Open of A", opened)
	q.on(t, l, func() {
		a.c.WaitWritable() // fires at once, and is told after this pass
		a.c.Close()
	})
	_ = client.Close()
	reuse(t, dial, opened, a.fd)
	q.on(t, l, func() {
		l.ready.Lock()
		l.ready.fds = append(l.ready.fds, a.fd) // however late it comes
		l.ready.Unlock()
		l.want(wantWritable)
	})
	q.on(t, l, func() {
		if told != 0 {
			t.Errorf("Writable was called %d times, want 0", told)
		}
	})
}
