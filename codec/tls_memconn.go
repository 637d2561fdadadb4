package codec

import (
	"net"
	"time"
)

// memConn is what crypto/tls reads from and writes to. While there is a handshake it is called on the handshake's
// goroutine and may wait; afterwards on the loop, within a call of the stage, and never waits. The loop lets go of the
// handshake only after its goroutine has said, under its lock, that it has finished: so both never overlap.
type memConn TLS

// noBytes says that there is nothing to read now. crypto/tls takes an error for final unless it is temporary.
type noBytes struct{}

func (noBytes) Error() string   { return "no bytes now" }
func (noBytes) Timeout() bool   { return true }
func (noBytes) Temporary() bool { return true }

var errNoBytes error = noBytes{}

func (m *memConn) Read(p []byte) (int, error) {
	if m.hs != nil {
		return m.hs.read(p, &m.records)
	}
	if len(m.in) == 0 {
		return 0, errNoBytes
	}
	n := copy(p, m.in[:m.records.cut(m.in, len(p))])
	m.in = m.in[n:]
	return n, nil
}

func (m *memConn) Write(p []byte) (int, error) {
	if m.hs != nil {
		return m.hs.write(p)
	}
	m.s.Wire = append(m.s.Wire, p...)
	return len(p), nil
}

func (m *memConn) Close() error                     { return nil }
func (m *memConn) LocalAddr() net.Addr              { return memAddr{} }
func (m *memConn) RemoteAddr() net.Addr             { return memAddr{} }
func (m *memConn) SetDeadline(time.Time) error      { return nil }
func (m *memConn) SetReadDeadline(time.Time) error  { return nil }
func (m *memConn) SetWriteDeadline(time.Time) error { return nil }

// memAddr is the address of both ends: a stage knows no sockets.
type memAddr struct{}

func (memAddr) Network() string { return "stage" }
func (memAddr) String() string  { return "stage" }
