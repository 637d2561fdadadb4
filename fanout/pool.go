package fanout

import (
	"math/bits"
	"sync"

	"github.com/valyala/bytebufferpool"
)

// Size classes are powers of two: one pool for all sizes would let a few large messages pin large buffers under
// many small ones.
const (
	minClassBits = 7  // 128 B
	maxClassBits = 16 // 64 KB; larger buffers are left to the garbage collector
	classes      = maxClassBits - minClassBits + 1
	noClass      = 0xff
	freeBytes    = 256 << 10 // kept per class and loop before the others may have the rest
	maxChunks    = 64        // chunks of a class that wait for another loop
)

// exchange is where loops that free more messages than they make leave them for those that do the reverse, in
// chunks, so that its lock is taken once for many messages. What is beyond it keeps its buffer only, in the last
// resort: one bytebufferpool a class, because it keeps buffers of one size well and mixed sizes badly.
type exchange struct {
	mu     sync.Mutex
	chunks [][]*Message
	empty  [][]*Message
	last   bytebufferpool.Pool
}

var shared [classes]exchange

// Pool lends messages and frames to one loop. It has no lock.
type Pool struct {
	free    [classes][]*Message
	frames  []*Frame
	later   [laterPlaces]later
	gathers bool // there is something in later
	serial  uint8
	live    int64 // messages taken less messages returned here; the sum over all pools is what is alive
	framed  int64
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

func classSize(class uint8) int { return 1 << (class + minClassBits) }

func (p *Pool) message(class uint8, size int) *Message {
	if class == noClass {
		return &Message{class: class, buf: make([]byte, 0, size)}
	}
	l := p.free[class]
	if len(l) == 0 {
		if l = shared[class].fetch(l); len(l) == 0 {
			b := shared[class].last.Get().B
			if cap(b) != classSize(class) {
				b = make([]byte, 0, classSize(class))
			}
			return &Message{class: class, buf: b[:0]}
		}
	}
	m := l[len(l)-1]
	l[len(l)-1] = nil
	p.free[class] = l[:len(l)-1]
	return m
}

func (p *Pool) recycle(m *Message) {
	scribble(m.buf)
	// Properties may have pushed the buffer beyond its class.
	if m.class == noClass || cap(m.buf) != classSize(m.class) {
		m.buf = nil
		return
	}
	l := append(p.free[m.class], m)
	if n := freeBytes >> (m.class + minClassBits); len(l) >= n {
		l = shared[m.class].leave(l, n/2)
	}
	p.free[m.class] = l
}

// leave takes n messages off the list.
func (x *exchange) leave(l []*Message, n int) []*Message {
	rest := len(l) - n
	x.mu.Lock()
	full := len(x.chunks) >= maxChunks
	if !full {
		var chunk []*Message
		if k := len(x.empty); k > 0 {
			chunk, x.empty = x.empty[k-1], x.empty[:k-1]
		}
		x.chunks = append(x.chunks, append(chunk[:0], l[rest:]...))
	}
	x.mu.Unlock()
	for i, m := range l[rest:] {
		if full {
			x.last.Put(&bytebufferpool.ByteBuffer{B: m.buf[:0]})
			m.buf = nil
		}
		l[rest+i] = nil
	}
	return l[:rest]
}

// fetch appends a chunk to an empty list, if there is one.
func (x *exchange) fetch(l []*Message) []*Message {
	x.mu.Lock()
	defer x.mu.Unlock()
	k := len(x.chunks)
	if k == 0 {
		return l
	}
	chunk := x.chunks[k-1]
	x.chunks = x.chunks[:k-1]
	l = append(l, chunk...)
	clear(chunk)
	x.empty = append(x.empty, chunk[:0])
	return l
}
