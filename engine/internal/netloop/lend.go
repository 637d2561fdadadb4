package netloop

import (
	"net"
	"reflect"
	"unsafe" // also for go:linkname

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// gnet makes connections of a net.Conn only: it duplicates the descriptor, turns addresses into text and back, and has a
// goroutine wait for the loop, which is more than half of what a connection costs that says CONNECT and DISCONNECT. So
// the two steps its own acceptor takes are called here, on the loop itself. They are named by linkname: a gnet without
// them does not link, and a test compares what they take with gnet's source.

//go:linkname newStreamConn github.com/panjf2000/gnet/v2.newStreamConn
func newStreamConn(proto string, fd int, el unsafe.Pointer, sa unix.Sockaddr, local, remote net.Addr) unsafe.Pointer

//go:linkname register0 github.com/panjf2000/gnet/v2.(*eventloop).register0
func register0(el, c unsafe.Pointer) error

// loopPointer is gnet's loop as register0 wants it.
func loopPointer(el gnet.EventLoop) unsafe.Pointer { return reflect.ValueOf(el).UnsafePointer() }

// adopt makes fd a connection of gnet's on this loop. OnOpen finds who in incoming. On an error fd is closed.
func (l *Loop) adopt(fd int, who any) error {
	l.incoming = who
	err := register0(l.elp, newStreamConn("", fd, l.elp, nil, nil, nil))
	l.incoming = nil
	return err
}
