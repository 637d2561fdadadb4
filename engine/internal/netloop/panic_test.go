package netloop

import (
	"strings"
	"testing"
	"time"
)

func TestPanicEndsItsConnectionOnly(t *testing.T) {
	type report struct {
		c     *Conn
		v     any
		stack string
	}
	reports, gone := make(chan report, 4), make(chan error, 4)
	armed := false // the loop's
	boom := func(when bool) {
		if armed && when {
			armed = false
			panic(errTest)
		}
	}
	var where string
	var q runQueue
	h := &hooks{
		open: func(c *Conn) { boom(where == "Open") },
		data: func(c *Conn, b []byte) {
			boom(where == "Data")
			if where == "Closed" && armed {
				c.Close()
				return
			}
			if where == "Writable" {
				c.WaitWritable()
			}
			echo(c, b)
		},
		writable: func(*Conn) { boom(where == "Writable") },
		closed:   func(_ *Conn, err error) { gone <- err; boom(where == "Closed") },
		wake:     func(l *Loop) { boom(where == "Wake"); q.wake(l) },
		flush:    func(*Loop) { boom(where == "Flush") },
		tick:     func(*Loop, time.Duration) { boom(where == "Tick") },
		panicked: func(c *Conn, v any, stack []byte) { reports <- report{c, v, string(stack)} },
	}
	e := start(t, 1, h)
	l := e.Loops()[0]
	dial, _ := serve(t, e, "tcp", nil)
	bystander := dial()
	_, _ = bystander.Write([]byte("here"))
	wants(t, bystander, "here")
	for _, w := range []string{"Open", "Data", "Writable", "Closed", "Wake", "Flush", "Tick"} {
		q.on(t, l, func() { where, armed = w, true })
		ofConn := w == "Open" || w == "Data" || w == "Writable" || w == "Closed"
		switch {
		case ofConn:
			c := dial()
			_, _ = c.Write([]byte("x"))
		case w == "Wake":
			l.Wake()
		case w == "Flush":
			q.on(t, l, l.Defer)
		}
		r := recv(t, w+"'s panic", reports)
		if r.v != errTest || (r.c != nil) != ofConn || !strings.Contains(r.stack, "panic_test.go") {
			t.Errorf("%s: reported %v, connection %v, stack\n%s", w, r.v, r.c != nil, r.stack)
		}
		if ofConn {
			want := ErrPanicked
			if w == "Closed" {
				want = nil
			}
			if err := recv(t, "Closed", gone); err != want {
				t.Errorf("%s: Closed got %v, want %v", w, err, want)
			}
		}
		_, _ = bystander.Write([]byte("still here"))
		wants(t, bystander, "still here")
	}
	if got := l.Conns(); got != 1 {
		t.Errorf("connections at the end: got %d, want the bystander's", got)
	}
}
