package engine

import (
	"errors"
	"net"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/fanout"
)

// outItem is one packet that a connection is owed: 16 bytes. An acknowledgement is kept as its fields and encoded when
// it is written; anything else is a frame, of which the item holds one reference.
type outItem struct {
	frame *fanout.Frame
	id    uint16
	typ   mqtt.Type // with frame nil: PUBACK, PUBREC, PUBREL, PUBCOMP or PINGRESP; else the frame's, 0 for PUBLISH
	code  mqtt.Reason
}

func (o *outItem) size(v mqtt.Version) int {
	if o.frame != nil {
		return o.frame.Size()
	}
	if o.typ == mqtt.PINGRESP {
		return 2
	}
	if v == mqtt.V5 && o.code != mqtt.Success {
		return 5
	}
	return 4
}

func (o *outItem) appendTo(dst []byte, v mqtt.Version) []byte {
	switch {
	case o.frame != nil:
		return o.frame.AppendHead(dst, o.id)
	case o.typ == mqtt.PINGRESP:
		return mqtt.AppendPingresp(dst)
	}
	return mqtt.AppendAck(dst, o.typ, o.id, o.code, v)
}

func (o *outItem) release(l *loop) {
	if o.frame != nil {
		l.pool.ReleaseFrame(o.frame)
		o.frame = nil
	}
}

// push queues a packet for the connection's next write. The item's reference passes to the queue.
func (l *loop) push(c *conn, o outItem) {
	if c.state == gone {
		o.release(l)
		return
	}
	l.queue(c, o, o.size(c.version))
	if o.typ == 0 {
		o.typ = mqtt.PUBLISH
	}
	l.count.packetsOut[o.typ].add(1)
}

// queue appends a packet of known size to the queue of a connection that is not gone.
func (l *loop) queue(c *conn, o outItem, size int) {
	if c.out == nil {
		c.out = l.takeOut()
	}
	c.out = append(c.out, o)
	c.outBytes += int32(size)
	l.owed += int64(size)
	l.markDirty(c)
}

// pushFrame encodes a packet that goes to this connection only; one that is too large for the client is not sent.
func (l *loop) pushFrame(c *conn, encode func(dst []byte) []byte) {
	f := l.newFrame(encode)
	if !c.fits(f) {
		l.pool.ReleaseFrame(f)
		return
	}
	l.push(c, framed(f))
}

// framed is the item of a frame that is no PUBLISH.
func framed(f *fanout.Frame) outItem { return outItem{frame: f, typ: mqtt.Type(f.Head()[0] >> 4)} }

func (l *loop) newFrame(encode func(dst []byte) []byte) *fanout.Frame {
	f := l.pool.NewFrame()
	f.Fill(encode)
	return f
}

func (l *loop) markDirty(c *conn) {
	if c.flags&(dirty|blocked) == 0 {
		c.flags |= dirty
		l.dirty = append(l.dirty, c)
		l.nl.Defer()
	}
}

const (
	scratchSize = 64 << 10
	maxVector   = 1024
)

// flush writes what the connection is owed: small packets copied together, large payloads referred to by the vector,
// one write a pass unless there is more than the scratch buffer or the vector holds.
func (l *loop) flush(c *conn) {
	c.flags &^= dirty
	if c.state == gone {
		return
	}
	if y := c.layers(); y != nil {
		l.flushLayers(c, y)
		return
	}
	for len(c.out) > 0 {
		wrote, want, err := l.writeSome(c)
		l.count.bytesOut.add(uint64(wrote))
		l.advance(c, wrote)
		if err != nil {
			l.writeFailed(c, err)
			return
		}
		if wrote < want {
			c.flags |= blocked
			c.nc.WaitWritable()
			return
		}
	}
	if c.out != nil {
		l.giveOut(c)
	}
	l.drained(c)
}

// writeFailed ends a connection whose socket takes no more.
func (l *loop) writeFailed(c *conn, err error) {
	if !errors.Is(err, net.ErrClosed) {
		l.log.Debug("write", "client", c.clientID(), "remote", c.remote(), "err", err)
	}
	l.hangUp(c)
}

// writeSome builds one vector from the front of the queue and writes it.
func (l *loop) writeSome(c *conn) (wrote, want int, err error) {
	scratch, vec, start := l.scratch[:0], l.vec[:0], 0
	skip := int(c.outOff)
	for i := range c.out {
		o := &c.out[i]
		var tail []byte
		head := o.size(c.version)
		if o.frame != nil {
			tail = o.frame.Tail()
			head -= len(tail)
		}
		if len(scratch) > 0 && len(scratch)+head > scratchSize || len(vec)+2 >= maxVector {
			break
		}
		before := len(scratch)
		scratch = o.appendTo(scratch, c.version)
		if skip > 0 { // of the first packet a part is out already
			n := min(skip, len(scratch)-before)
			copy(scratch[before:], scratch[before+n:])
			scratch = scratch[:len(scratch)-n]
			skip -= n
			if skip > 0 {
				tail = tail[skip:]
				skip = 0
			}
		}
		if len(tail) > 0 {
			if len(scratch) > start {
				vec = append(vec, scratch[start:len(scratch):len(scratch)])
			}
			vec = append(vec, tail)
			want += len(tail)
			start = len(scratch)
		}
	}
	want += len(scratch)
	if l.scratch = scratch[:0]; cap(scratch) > 4*scratchSize { // a packet of mostly properties
		l.scratch = make([]byte, 0, scratchSize)
	}
	l.count.writes.add(1)
	if len(vec) == 0 {
		wrote, err = c.nc.Write(scratch)
		return wrote, want, err
	}
	if len(scratch) > start {
		vec = append(vec, scratch[start:])
	}
	wrote, err = c.nc.Writev(vec)
	clear(vec)
	l.vec = vec[:0]
	return wrote, want, err
}

// advance takes n written bytes off the queue.
func (l *loop) advance(c *conn, n int) {
	l.owed -= int64(n)
	if c.outBytes -= int32(n); c.outBytes == 0 { // nearly always
		for i := range c.out {
			c.out[i].release(l)
		}
		c.out, c.outOff = c.out[:0], 0
		return
	}
	n += int(c.outOff)
	i := 0
	for ; i < len(c.out); i++ {
		size := c.out[i].size(c.version)
		if n < size {
			break
		}
		n -= size
		c.out[i].release(l)
	}
	c.outOff = int32(n)
	if i == len(c.out) {
		c.out, c.outOff = c.out[:0], 0
		return
	}
	if i > 0 {
		rest := copy(c.out, c.out[i:])
		clear(c.out[rest:])
		c.out = c.out[:rest]
	}
}

// drained goes on with what waited for room.
func (l *loop) drained(c *conn) {
	if c.state == draining {
		l.setTimer(c, l.tick+drainTicks)
		if y := c.layers(); y != nil && !l.sayEnd(c, y) {
			return
		}
		c.nc.Finish(2 * time.Second)
		return
	}
	if c.state == connected {
		if l.waiting(c.sess) {
			l.pump(c.sess)
		}
		l.goOn(c)
	}
}

// goOn reads on from a connection of which one reason not to is gone.
func (l *loop) goOn(c *conn) {
	switch {
	case !c.has(pausedInput), c.has(slowed): // it goes on with the others
	case l.throttled:
		l.throttle(c)
	default:
		c.resume()
	}
}

// dropOut forgets what is queued for a connection.
func (l *loop) dropOut(c *conn) {
	for i := range c.out {
		c.out[i].release(l)
	}
	l.owed -= int64(c.outBytes)
	c.out, c.outBytes, c.outOff = nil, 0, 0
}

// hangUp closes the socket at once.
func (l *loop) hangUp(c *conn) {
	l.dropOut(c)
	c.nc.Close()
}

// Writable: the socket takes bytes again.
func (l *loop) writable(c *conn) {
	c.flags &^= blocked
	if c.has(pausedInput) { // nobody listens until it has read more: that it reads is a sign of life
		c.lastSeen = l.tick
	}
	l.flush(c)
}

// takeOut and giveOut lend queues to connections that have something to send, so that idle ones hold none.
func (l *loop) takeOut() []outItem {
	if n := len(l.freeOut); n > 0 {
		q := l.freeOut[n-1]
		l.freeOut = l.freeOut[:n-1]
		return q
	}
	return make([]outItem, 0, 16)
}

func (l *loop) giveOut(c *conn) {
	q := c.out[:0]
	c.out = nil
	if cap(q) <= 1024 && len(l.freeOut) < 4096 {
		l.freeOut = append(l.freeOut, q)
	}
}
