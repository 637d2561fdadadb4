package netloop

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// gnet can neither stop reading nor say where its epoll set is, and both are needed: a connection that is not read must
// not take up memory. So the set is looked for, in gnet's fields first and among the process's descriptors second, and
// no candidate is believed before the loop's socket pair was paused and resumed with it. A gnet that defeats both makes
// Start fail: a broker that cannot slow its publishers is worse than one that does not start.

// findEpoll returns the epoll set that watches gc; got reports gc's reads.
func (l *Loop) findEpoll(gc gnet.Conn, got <-chan struct{}) (int, error) {
	err := errors.New("no epoll set found")
	for _, find := range []func(gnet.Conn) (int, error){epollByField, epollByProc} {
		fd, e := find(gc)
		if e == nil {
			e = l.tryEpoll(fd, gc.Fd(), got)
		}
		if e == nil {
			return fd, nil
		}
		err = errors.Join(err, e)
	}
	return -1, err
}

// epollByField reads eventloop.poller.fd.
func epollByField(gc gnet.Conn) (fd int, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("gnet's fields have changed: %v", v)
		}
	}()
	return int(reflect.ValueOf(gc.EventLoop()).Elem().FieldByName("poller").Elem().FieldByName("fd").Int()), nil
}

// epollByProc looks for an epoll descriptor of ours whose list of watched descriptors holds the connection's.
func epollByProc(gc gnet.Conn) (int, error) {
	dir, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1, err
	}
	for _, d := range dir {
		if to, _ := os.Readlink("/proc/self/fd/" + d.Name()); to != "anon_inode:[eventpoll]" {
			continue
		}
		info, _ := os.ReadFile("/proc/self/fdinfo/" + d.Name())
		for line := range strings.Lines(string(info)) {
			var tfd, fd int
			if _, err := fmt.Sscanf(line, "tfd: %d", &tfd); err != nil || tfd != gc.Fd() {
				continue
			}
			if _, err := fmt.Sscan(d.Name(), &fd); err == nil {
				return fd, nil
			}
		}
	}
	return -1, errors.New("no epoll set in /proc/self/fdinfo watches the connection")
}

// tryEpoll proves that epfd is the set the loop polls: with events off a byte must not be read, with events on it must.
func (l *Loop) tryEpoll(epfd, fd int, got <-chan struct{}) error {
	set := func(events uint32) error {
		ev := unix.EpollEvent{Fd: int32(fd), Events: events}
		return os.NewSyscallError("epoll_ctl", unix.EpollCtl(epfd, unix.EPOLL_CTL_MOD, fd, &ev))
	}
	if err := set(0); err != nil {
		return err
	}
	if !l.poke() {
		return errors.New("cannot write to the loop's socket pair")
	}
	// A task's round has polled after the byte was there. Two, for the task may have joined a round already polled.
	for range 2 {
		if err := l.onLoop(func() {}); err != nil {
			return err
		}
	}
	select {
	case <-got:
		return errors.New("a paused connection was read")
	default:
	}
	if err := set(readEvents); err != nil {
		return err
	}
	select {
	case <-got:
		return nil
	case <-time.After(bootTimeout):
		return errors.New("a resumed connection was not read")
	}
}
