package netloop

import (
	"fmt"
	"math"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// keepAliveProbes is how many probes a silent peer is given.
const keepAliveProbes = 4

// maxKeepAlive is the kernel's limit.
const maxKeepAlive = 32767 * time.Second

// apply sets what the connections of a listening TCP socket inherit. It sets everything, off as well as on: a socket that
// was passed on has the options of whoever opened it.
func (o *ListenOptions) apply(fd int) error {
	if o.KeepAlive < 0 || o.KeepAlive > maxKeepAlive {
		return fmt.Errorf("keep alive of %v is not between 0 and %v", o.KeepAlive, maxKeepAlive)
	}
	if o.UserTimeout < 0 || o.UserTimeout > math.MaxInt32*time.Millisecond {
		return fmt.Errorf("user timeout of %v is not between 0 and %v", o.UserTimeout, math.MaxInt32*time.Millisecond)
	}
	set := []struct {
		name              string
		level, opt, value int
	}{
		{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, oneIf(!o.Nagle)},
		{"TCP_USER_TIMEOUT", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, unitsOf(o.UserTimeout, time.Millisecond)},
		{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, oneIf(o.KeepAlive > 0)},
		{"TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, unitsOf(o.KeepAlive, time.Second)},
		{"TCP_KEEPINTVL", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, unitsOf(o.KeepAlive/keepAliveProbes, time.Second)},
		{"TCP_KEEPCNT", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepAliveProbes},
	}
	if o.KeepAlive == 0 {
		set = set[:3]
	}
	for _, s := range set {
		if err := unix.SetsockoptInt(fd, s.level, s.opt, s.value); err != nil {
			return os.NewSyscallError("setsockopt "+s.name, err)
		}
	}
	return nil
}

func oneIf(b bool) int {
	if b {
		return 1
	}
	return 0
}

// unitsOf rounds up: what is not 0 must not become 0, which says never.
func unitsOf(d, unit time.Duration) int { return int((d + unit - 1) / unit) }

// control runs f with a descriptor that somebody else keeps open.
func control(rc syscall.RawConn, f func(fd int) error) (err error) {
	e := rc.Control(func(fd uintptr) { err = f(int(fd)) })
	if e != nil {
		return e
	}
	return err
}
