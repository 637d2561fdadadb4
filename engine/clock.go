package engine

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// Whatever expires is timed by the monotonic clock, which the machine's clock cannot disturb but which ends with the
// process. What is written down is timed by the steady clock: it goes with the monotonic one, and from one process to the
// next it goes on where the records end, with the time that the broker was down if the machine's clock can be believed
// about that. So a box that begins in 1970 and is set right an hour later ends nothing, and one whose clock runs on while
// it is switched off keeps nothing too long.

// steady is the steady clock, in milliseconds.
type steady struct {
	base   atomic.Int64  // how far it is ahead of the monotonic clock, whole ticks
	marked atomic.Int64  // its time in the last record
	doubts atomic.Uint64 // times the machine's clock could not be believed, or jumped

	mu   sync.Mutex
	last moment // the last look at the machine's clock
}

// moment is the steady clock and the machine's at the same time.
type moment struct {
	steady, real int64 // milliseconds; real since 1970
	plausible    bool  // the machine's clock could be believed
}

const (
	firstYear  = 2026                     // of this program: a clock that says less is wrong
	furthest   = 5 * 365 * 24 * time.Hour // no broker is switched off for longer, and used again
	clockSlack = 10 * time.Second         // what a clock may be set right by without a word
	clockPause = time.Second              // between two records
	beat       = int64(tickLength / time.Millisecond)
)

var earliest = time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// believable tells whether the machine's clock can be believed after what it said before; the zero moment says nothing.
func believable(real int64, before moment) bool {
	switch {
	case real < earliest:
		return false
	case before.real < earliest:
		return true
	}
	return real >= before.real-clockSlack.Milliseconds() && real-before.real <= furthest.Milliseconds()
}

func (b *Broker) wall() time.Time {
	if b.parts.Wall != nil {
		return b.parts.Wall()
	}
	return time.Now()
}

// steadyAt is the steady clock at a moment of the monotonic one.
func (b *Broker) steadyAt(now time.Duration) int64 { return b.steady.base.Load() + now.Milliseconds() }

// advance sets the steady clock forward, never back.
func (b *Broker) advance(now time.Duration, to int64) {
	base := (to - now.Milliseconds() + beat - 1) / beat * beat
	if base > b.steady.base.Load() {
		b.steady.base.Store(base)
	}
}

// until is the lifetime that ends at a moment of the monotonic clock.
func (b *Broker) until(end, now time.Duration) store.Lifetime {
	t := b.lasting(1, now)
	left := (b.steadyAt(end)+999)/1000 - t.Wall
	t.Left = uint32(min(max(left, 1), 1<<32-1))
	return t
}

// lasting is a lifetime of so many seconds from now.
func (b *Broker) lasting(seconds uint32, now time.Duration) store.Lifetime {
	return store.Lifetime{Left: seconds, Wall: b.steadyAt(now) / 1000}
}

// deadline is when a lifetime ends on the monotonic clock, which may be long ago.
func (b *Broker) deadline(t store.Lifetime) time.Duration {
	end := (min(t.Wall, latest)+int64(t.Left))*1000 - b.steady.base.Load()
	return time.Duration(min(max(end, -latestEnd), latestEnd)) * time.Millisecond
}

const (
	latest    = 1 << 40                                      // seconds: what is later is no time
	latestEnd = int64(1<<63-1) / int64(time.Millisecond) / 2 // as far ahead as the monotonic clock can tell
)

// look reads the machine's clock, and tells of a jump.
func (b *Broker) look(now time.Duration) moment {
	m := moment{steady: b.steadyAt(now), real: b.wall().UnixMilli()}
	k := &b.steady
	k.mu.Lock()
	before := k.last
	m.plausible = believable(m.real, before)
	k.last = m
	k.mu.Unlock()
	if jump := m.real - before.real - (m.steady - before.steady); before != (moment{}) && (jump > clockSlack.Milliseconds() || jump < -clockSlack.Milliseconds()) {
		k.doubts.Add(1)
		b.log.Warn("the machine's clock has jumped: what expires is not moved by it", "by", time.Duration(min(max(jump, -latestEnd), latestEnd))*time.Millisecond,
			"to", time.UnixMilli(m.real).UTC(), "believed", m.plausible)
	}
	return m
}

// watchClock looks for jumps; one loop does it now and then, once the steady clock has begun.
func (l *loop) watchClock() {
	if l.id == 0 && l.stores() && !l.frozen {
		l.b.look(l.now)
	}
}

// clockMark is the key of the record that says what time it is.
//
//	value = steady (uvarint, milliseconds), the machine's clock (uvarint, milliseconds since 1970), flags (bit 0 plausible)
const clockMark = "clock"

const clockPlausible = 0x01

func (m moment) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(m.steady))
	dst = binary.AppendUvarint(dst, uint64(max(m.real, 0)))
	if m.plausible {
		return append(dst, clockPlausible)
	}
	return append(dst, 0)
}

func parseMoment(v []byte) (m moment, ok bool) {
	at, n := binary.Uvarint(v)
	if n <= 0 {
		return m, false
	}
	real, k := binary.Uvarint(v[n:])
	if k <= 0 || len(v) != n+k+1 || at > latest*1000 || real > latest*1000 {
		return m, false
	}
	return moment{int64(at), int64(real), v[n+k]&clockPlausible != 0}, true
}

// markClock adds the time to a batch that is committed anyway, unless that was done a short while ago.
func (l *loop) markClock() {
	marked := &l.b.steady.marked
	now, last := l.b.steadyAt(l.now), marked.Load()
	if now-last >= clockPause.Milliseconds() && marked.CompareAndSwap(last, now) {
		l.writeClock()
	}
}

func (l *loop) writeClock() {
	l.hold.batch.Meta([]byte(clockMark), l.b.look(l.now).append(l.value[:0]))
}
