package netloop

import (
	"net"
	"net/netip"
	"testing"
)

// The descriptors run out between the listener's and the one that tells the loop of it: begun with too few, the acceptor
// begins when there are more.
func TestAnAcceptorThatCannotBeginTriesAgain(t *testing.T) {
	e := start(t, 1, &hooks{data: echo})
	ln, err := Listen(ListenOptions{Network: "tcp", Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	undo := limitFiles(t, 1)
	a := e.Serve(ln, AdmitFunc(func(netip.AddrPort) (*Loop, any, bool) { return nil, nil, true }))
	t.Cleanup(a.Stop)
	eventually(t, "the acceptor at rest", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.rest == starved
	})
	undo()
	c, err := net.DialTimeout("tcp", ln.Addr().String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	eventually(t, "a connection", func() bool { return a.Accepted() == 1 })
}
