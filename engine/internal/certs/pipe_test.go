package certs_test

import (
	"bytes"
	"net"
	"sync"
)

// end is one end of a connection in memory. Unlike net.Pipe's it takes what is written at once, as a socket does: in a
// resumed handshake of TLS 1.3 both sides write before they read.
type end struct {
	net.Conn // nothing else is called
	in, out  *stream
}

func newPipe() (a, b end) {
	one, two := newStream(), newStream()
	return end{in: one, out: two}, end{in: two, out: one}
}

func (e end) Read(p []byte) (int, error)  { return e.in.read(p) }
func (e end) Write(p []byte) (int, error) { return e.out.write(p) }
func (e end) Close() error                { e.in.close(); e.out.close(); return nil }

// stream is one direction.
type stream struct {
	mu     sync.Mutex
	news   sync.Cond
	buf    bytes.Buffer
	closed bool
}

func newStream() *stream {
	s := &stream{}
	s.news.L = &s.mu
	return s
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.buf.Len() == 0 && !s.closed {
		s.news.Wait()
	}
	return s.buf.Read(p) // io.EOF when it is empty
}

func (s *stream) write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return len(p), nil // a socket, too, notices later
	}
	s.news.Broadcast()
	return s.buf.Write(p)
}

func (s *stream) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.news.Broadcast()
}
