package rig

import (
	"crypto/tls"
	"io"
	"net"
	"time"

	"github.com/penstock-mqtt/penstock/codec"
)

// Layers of a connection, put on top of each other by the test: what Conn reads and writes goes through all of them, and
// Conn.TCPConn stays what is under them.

// top is the uppermost layer.
func (c *Conn) top() net.Conn {
	if c.layer != nil {
		return c.layer
	}
	return c.TCPConn
}

// Read reads through the layers.
func (c *Conn) Read(p []byte) (int, error) { return c.top().Read(p) }

// Write writes through the layers.
func (c *Conn) Write(p []byte) (int, error) { return c.top().Write(p) }

// Secure puts TLS on the connection.
func (c *Conn) Secure(cfg *tls.Config) (*tls.Conn, error) {
	s := tls.Client(c.top(), cfg)
	_ = c.SetDeadline(time.Now().Add(Patience))
	err := s.Handshake()
	_ = c.SetDeadline(time.Time{})
	c.layer = secure{s}
	return s, err
}

// secure ends as a plain connection does.
type secure struct{ *tls.Conn }

func (s secure) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	return n, err
}

// Upgrade puts WebSocket on the connection.
func (c *Conn) Upgrade(host, path string) error {
	w := &web{Conn: c.top(), stage: codec.NewWebSocketClient(&codec.ClientUpgrade{Host: host, Path: path, Subprotocols: []string{"mqtt"}})}
	_ = c.SetDeadline(time.Now().Add(Patience))
	defer c.SetDeadline(time.Time{})
	if _, err := w.Conn.Write(w.stage.Start(nil)); err != nil {
		return err
	}
	for !w.stage.Open() {
		if err := w.take(); err != nil {
			return err
		}
	}
	c.layer = w
	return nil
}

// web is WebSocket as a client. One goroutine reads; another may write.
type web struct {
	net.Conn
	stage *codec.WebSocket
	buf   [4096]byte
	left  []byte
}

// Bytes takes payload from the stage.
func (w *web) Bytes(p []byte) (more bool) {
	w.left = append(w.left, p...)
	return true
}

// take reads from below once, and writes what the stage answers.
func (w *web) take() error {
	n, err := w.Conn.Read(w.buf[:])
	var answers []byte
	if n > 0 {
		if _, fault := w.stage.Feed(w.buf[:n], &answers, w); fault != nil {
			err = fault
		}
	}
	if len(answers) > 0 {
		_, _ = w.Conn.Write(answers) // that it is gone is for the next read to tell
	}
	return err
}

func (w *web) Read(p []byte) (int, error) {
	for len(w.left) == 0 {
		if err := w.take(); err != nil && len(w.left) == 0 {
			return 0, err
		}
	}
	n := copy(p, w.left)
	w.left = w.left[:copy(w.left, w.left[n:])]
	return n, nil
}

func (w *web) Write(p []byte) (int, error) {
	if _, err := w.Conn.Write(w.stage.Seal(nil, p)); err != nil {
		return 0, err
	}
	return len(p), nil
}
