package fanout

import (
	"math/bits"

	"github.com/valyala/bytebufferpool"
)

// Size classes are powers of two: one pool for all sizes would let a few large messages pin large buffers under
// many small ones.
const (
	minClassBits = 7  // 128 B
	maxClassBits = 16 // 64 KB; larger buffers are left to the garbage collector
	classes      = maxClassBits - minClassBits + 1
	noClass      = 0xff
	freeBytes    = 512 << 10 // kept per class and loop before the shared overflow takes the rest
)

// overflow is shared by all loops: memory freed on one loop and needed on another passes through it. One pool a
// class, because bytebufferpool keeps buffers of one size well and mixed sizes badly.
var overflow [classes]bytebufferpool.Pool

// Pool lends messages and frames to one loop. It has no lock.
type Pool struct {
	free   [classes][]*Message
	frames []*Frame
	live   int64 // messages taken less messages returned here; the sum over all pools is what is alive
	framed int64
}

// Live is the number of messages taken from this pool less those returned to it.
func (p *Pool) Live() int64 { return p.live }

// Framed is the number of frames alive.
func (p *Pool) Framed() int64 { return p.framed }

func classOf(size int) uint8 {
	if size > 1<<maxClassBits {
		return noClass
	}
	return uint8(max(bits.Len(uint(max(size-1, 0))), minClassBits) - minClassBits)
}

func (p *Pool) message(class uint8, size int) *Message {
	if class == noClass {
		return &Message{class: class, buf: make([]byte, 0, size)}
	}
	if l := p.free[class]; len(l) > 0 {
		m := l[len(l)-1]
		l[len(l)-1] = nil
		p.free[class] = l[:len(l)-1]
		return m
	}
	b := overflow[class].Get()
	if cap(b.B) < 1<<(class+minClassBits) {
		b.B = make([]byte, 0, 1<<(class+minClassBits))
	}
	return &Message{class: class, buf: b.B[:0]}
}

func (p *Pool) recycle(m *Message) {
	scribble(m.buf)
	// Properties may have pushed the buffer beyond its class.
	if m.class == noClass || cap(m.buf) != 1<<(m.class+minClassBits) {
		m.buf = nil
		return
	}
	if len(p.free[m.class]) < freeBytes>>(m.class+minClassBits) {
		p.free[m.class] = append(p.free[m.class], m)
		return
	}
	overflow[m.class].Put(&bytebufferpool.ByteBuffer{B: m.buf[:0]})
	m.buf = nil
}
