package engine

import (
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// timeline is what a recovery knows of the time that its records speak of. A store's is ours. Another process's may be
// another one, if it kept its state elsewhere: what it says is put into ours.
type timeline struct {
	known bool          // ours goes on where the records end
	doubt bool          // the machine's clock could not be believed
	last  moment        // of the newest record of the time
	down  time.Duration // the time that nobody served, as far as it is known
	shift int64         // seconds, from the other process's time to ours
	other bool          // that process has said what time it was
}

// clock takes up a record of the time.
func (r *recovery) clock(value []byte) {
	then, ok := parseMoment(value)
	if !ok {
		return
	}
	now := r.b.now()
	real := r.b.wall().UnixMilli()
	r.time.last, r.time.down = then, 0
	switch {
	case !believable(real, then):
		r.time.doubt = true
	case then.plausible:
		r.time.down = time.Duration(max(real-then.real, 0)) * time.Millisecond
	}
	theirs := then.steady + r.time.down.Milliseconds()
	if r.handed == nil || !r.time.known {
		r.time.known = true
		r.b.advance(now, theirs)
	}
	if r.handed != nil {
		r.time.other = true
		// Processes with one store have one time, and look at it one after the other.
		if r.time.shift = (r.b.steadyAt(now) - theirs) / 1000; r.time.shift <= 1 && r.time.shift >= -1 {
			r.time.shift = 0
		}
	}
}

// retime puts the lifetimes of a record into our time.
func (r *recovery) retime(rec *store.Record) {
	switch rec.Kind {
	case store.MSG, store.RET:
		r.lifetime(&rec.Message.Expiry)
	case store.SES:
		r.lifetime(&rec.Session.Rest)
		r.lifetime(&rec.Session.Will.Rest)
	}
}

func (r *recovery) lifetime(t *store.Lifetime) {
	switch now := r.b.now(); {
	case t.Left == 0:
	case r.handed == nil: // a record of the time may be older than this one, or lost
		r.time.known = true
		t.Wall = min(t.Wall, latest)
		r.b.advance(now, t.Wall*1000)
	case r.time.other:
		t.Wall += r.time.shift
	default: // a process that knows no time has written it just now
		t.Wall = r.b.steadyAt(now) / 1000
	}
}

// beginClock makes sure of the time once all records were read.
func (r *recovery) beginClock() {
	b, now := r.b, r.b.now()
	m := moment{real: b.wall().UnixMilli()}
	m.plausible = believable(m.real, r.time.last)
	switch {
	case r.time.known:
	case m.plausible:
		b.advance(now, m.real/1000*1000)
	default:
		b.advance(now, earliest)
	}
	m.steady = b.steadyAt(now)
	b.steady.mu.Lock()
	b.steady.last = m
	b.steady.mu.Unlock()
	if !m.plausible || r.time.doubt {
		b.steady.doubts.Add(1)
		attrs := []any{"clock", time.UnixMilli(m.real).UTC()}
		if r.time.last.plausible {
			attrs = append(attrs, "before", time.UnixMilli(r.time.last.real).UTC())
		}
		b.log.Warn("the machine's clock cannot be believed: what expires is kept as if the broker had not been down", attrs...)
	}
}
