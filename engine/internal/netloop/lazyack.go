package netloop

import "golang.org/x/sys/unix"

// A peer that sends and is sent nothing, as who publishes at QoS 0, has each of its small segments acknowledged by the
// kernel at once when it is read: a packet of its own each time, which costs a third of what the read costs. The kernel
// waits a little, and acknowledges several at once, where it takes a connection for one that answers. So a connection
// that is read from again and again without an answer is declared to be one.
//
// The kernel takes that back when a delayed acknowledgement falls due, 40 ms after the segment: whoever sends seldom has
// one acknowledgement 40 ms late and no more. That is also all that a peer with Nagle's algorithm notices, which waits for the
// acknowledgement before it sends more. Chance decides when, as that needs no counter a connection.
const (
	lazyAfter = 32   // reads, in the mean
	lazyAgain = 4096 // reads, in the mean
)

func (c *Conn) lazyAck() {
	l := c.loop
	l.dice = l.dice*1664525 + 1013904223
	x := l.dice >> 16 // the low bits of such a row are not random
	if x&(lazyAfter-1) == 0 && c.flags&unixConn == 0 && (c.flags&lazy == 0 || x&(lazyAgain-1) == 0) {
		c.flags |= lazy
		// An error matters to nobody: all goes on as before.
		_ = unix.SetsockoptInt(int(c.fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 0)
	}
}
