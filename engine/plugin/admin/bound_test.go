package admin

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// dial opens a connection and asks for a page that keeps it open; answered tells whether it came.
func (r *rig) dial() (c net.Conn, answered bool) {
	r.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(r.admin.URLs()[0], "http://"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	n, _ := c.Read(make([]byte, 512))
	return c, n > 0
}

func TestConnectionsBeyondTheBoundAreClosedAtOnce(t *testing.T) {
	r := run(t, local(t))
	var open []net.Conn
	for i := range maxConns {
		c, ok := r.dial()
		if !ok {
			t.Fatalf("connection %d of %d was not answered", i+1, maxConns)
		}
		open = append(open, c)
	}
	if _, ok := r.dial(); ok {
		t.Errorf("connection %d was answered", maxConns+1)
	}
	open[0].Close()
	eventually(t, "room after one has gone", func() bool { _, ok := r.dial(); return ok })
}

func TestALargeHeaderIsRefused(t *testing.T) {
	r := run(t, local(t))
	c, err := net.Dial("tcp", strings.TrimPrefix(r.admin.URLs()[0], "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: "+strings.Repeat("x", 32<<10)+"\r\n\r\n")
	line, _ := bufio.NewReader(c).ReadString('\n')
	if !strings.HasPrefix(line, "HTTP/1.1 431 ") {
		t.Errorf("got %q, want 431", line)
	}
}

func TestABodyThatDoesNotComeIsNotWaitedFor(t *testing.T) {
	r := run(t, local(t))
	for _, body := range []string{"Content-Length: 100", "Transfer-Encoding: chunked"} {
		c, err := net.Dial("tcp", strings.TrimPrefix(r.admin.URLs()[0], "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		_, _ = io.WriteString(c, "POST /api/v1/reload HTTP/1.1\r\nHost: localhost\r\n"+body+"\r\n\r\n")
		answer, err := io.ReadAll(c)
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 403 ") {
			t.Errorf("%s: got %q, %v, want 403 and the end of the connection", body, answer, err)
		}
	}
}
