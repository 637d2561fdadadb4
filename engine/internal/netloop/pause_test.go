package netloop

import (
	"net"
	"strings"
	"testing"
)

func TestPausedConnectionIsNotReadUntilResumed(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			var q runQueue
			var got strings.Builder
			opened, gone := make(chan *Conn, 1), make(chan string, 1)
			e := start(t, 1, &hooks{
				wake:   q.wake,
				open:   func(c *Conn) { c.Pause(); c.Pause(); opened <- c },
				data:   func(_ *Conn, b []byte) { got.Write(b) },
				closed: func(*Conn, error) { gone <- got.String() },
			})
			l := e.Loops()[0]
			dial, _ := serve(t, e, network, nil)
			client, other := dial(), dial()
			c, o := recv(t, "Open", opened), recv(t, "Open", opened)
			if string(c.RemoteAddr().String()) != client.LocalAddr().String() && network == "tcp" {
				c, o = o, c
			}
			q.on(t, l, func() { o.Resume(); c.Resume(); c.Pause() })
			if network == "unix" { // they cannot be told apart: both wait
				q.on(t, l, func() { o.Pause() })
			}
			_, _ = client.Write([]byte("hello "))
			_, _ = client.Write([]byte("world"))
			_ = client.Close() // its end must not overtake its data
			for range 3 {      // three rounds look at the sockets
				q.on(t, l, func() { l.Wake() })
			}
			q.on(t, l, func() {
				if got.Len() != 0 || !c.Paused() {
					t.Errorf("while paused: read %q, Paused %v; want nothing, true", got.String(), c.Paused())
				}
				c.Resume()
				c.Resume()
				o.Resume()
			})
			if s := recv(t, "Closed", gone); s != "hello world" {
				t.Errorf("read %q before the end, want %q", s, "hello world")
			}
			_ = other.Close()
			recv(t, "Closed of the other", gone)
		})
	}
}

func TestResetOfAPausedConnectionIsNoticed(t *testing.T) {
	gone := make(chan error, 1)
	opened := make(chan *Conn, 1)
	e := start(t, 1, &hooks{
		open:   func(c *Conn) { c.Pause(); opened <- c },
		closed: func(_ *Conn, err error) { gone <- err },
	})
	dial, _ := serve(t, e, "tcp", nil)
	c := dial()
	recv(t, "Open", opened)
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
	if err := recv(t, "Closed", gone); err == nil {
		t.Errorf("Closed: got nil, want an error")
	}
}

// The loop has both events in hand when the first one's Data pauses the other connection.
func TestPausedByAnothersCallbackKeepsWhatWasRead(t *testing.T) {
	var q runQueue
	var trace strings.Builder
	conns := map[byte]*Conn{}
	e := start(t, 1, &hooks{
		wake: q.wake,
		data: func(c *Conn, b []byte) {
			if len(conns) < 2 {
				conns[b[0]] = c
				c.Value = b[0]
				_, _ = c.Write(b)
				return
			}
			trace.WriteByte(c.Value.(byte))
			trace.Write(b)
			if trace.Len() == 2 {
				for _, o := range conns {
					if o != c {
						o.Pause()
					}
				}
			}
		},
	})
	l := e.Loops()[0]
	dial, _ := serve(t, e, "unix", nil) // readable as soon as written
	clients := map[byte]net.Conn{'a': dial(), 'b': dial()}
	for name, c := range clients {
		_, _ = c.Write([]byte{name})
		wants(t, c, string(name))
	}
	q.on(t, l, func() { // both are readable before the loop polls again
		for _, c := range clients {
			_, _ = c.Write([]byte("1"))
		}
	})
	eventually(t, "something held", func() (yes bool) {
		q.on(t, l, func() { yes = len(l.held) == 1 })
		return yes
	})
	var second byte
	q.on(t, l, func() {
		first := trace.String()[0]
		if second = 'a'; first == 'a' {
			second = 'b'
		}
		if got := trace.String(); got != string(first)+"1" {
			t.Errorf("read %q, want one byte of one connection", got)
		}
		_, _ = clients[second].Write([]byte("2"))
		conns[second].Resume()
	})
	want := string(second) + "1" + string(second) + "2"
	eventually(t, "the held byte and the next", func() (yes bool) {
		q.on(t, l, func() { yes = strings.HasSuffix(trace.String(), want) && len(l.held) == 0 })
		return yes
	})
}
