package paho

import (
	"bytes"
	"net"
	"sync"
	"testing"

	"github.com/penstock-mqtt/penstock/scripts/realclients/rig"
)

// wire is a client's connection, which the test can cut and listen in on.
type wire struct {
	net.Conn
	mu    sync.Mutex
	pongs int
}

func dial(t *testing.T, b *rig.Broker) *wire {
	t.Helper()
	c, err := net.Dial("tcp", b.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &wire{Conn: c}
}

// Read counts PINGRESPs, which come alone in the tests that ask for the count.
func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	w.mu.Lock()
	defer w.mu.Unlock()
	if bytes.HasPrefix(b[:n], []byte{0xD0}) {
		w.pongs++
	}
	return n, err
}

func (w *wire) Pongs() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pongs
}

// Cut ends the connection without a DISCONNECT.
func (w *wire) Cut() { w.Conn.Close() }
