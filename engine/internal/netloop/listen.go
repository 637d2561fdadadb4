package netloop

import (
	"errors"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Listen opens a listener whose connections suit the loops: without MPTCP, whose sockets do not inherit the listener's
// options, and without the TCP keep-alive Go would set, since MQTT has its own. Go sets SO_REUSEADDR and TCP_NODELAY by
// itself. The file of a unix socket that nobody serves any more is replaced.
func Listen(network, addr string) (net.Listener, error) {
	lc := net.ListenConfig{KeepAlive: -1}
	lc.SetMultipathTCP(false)
	ln, err := lc.Listen(background, network, addr)
	if network == "unix" && errors.Is(err, unix.EADDRINUSE) && orphaned(addr) {
		_ = os.Remove(addr)
		ln, err = lc.Listen(background, network, addr)
	}
	return ln, err
}

// orphaned says whether path is the socket of a process that is no more.
func orphaned(path string) bool {
	if fi, err := os.Lstat(path); err != nil || fi.Mode()&os.ModeSocket == 0 {
		return false
	}
	c, err := net.Dial("unix", path)
	if err == nil {
		_ = c.Close()
	}
	return errors.Is(err, unix.ECONNREFUSED)
}
