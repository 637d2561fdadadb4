package engine

import (
	"time"

	"github.com/penstock-mqtt/penstock/engine/internal/netloop"
)

// LoopStats is how one event loop does. Reading it visits no loop, so a loop that hangs is seen to hang.
type LoopStats struct {
	Loop        int
	Connections int
	Inbox       int           // items that others posted and that wait for the loop
	Busy        time.Duration // spent in the broker's own steps, writes included; the reading of sockets is not in it
	Lag         Lag
}

// Lag is how late a loop handles what is posted to it, as its ticks tell, ten a second.
type Lag struct {
	Bounds []time.Duration // upper bounds of Counts but the last; not to be changed
	Counts []uint64        // ticks in each bucket, not those of the buckets before; the last is above all bounds
	Sum    time.Duration
	Last   time.Duration // of the last tick that was handled
	Open   time.Duration // for how long a tick has been waiting; 0: none does
}

// Loops tells how each event loop does; nil before the broker has started.
func (b *Broker) Loops() []LoopStats {
	if !b.started.Load() {
		return nil
	}
	all := make([]LoopStats, len(b.loops))
	for i, l := range b.loops {
		lag := l.nl.Lag()
		all[i] = LoopStats{
			Loop: i, Connections: l.nl.Conns(), Inbox: l.inbox.Len(), Busy: time.Duration(l.count.busy.v.Load()),
			Lag: Lag{Bounds: netloop.LagBounds[:], Counts: lag.Counts[:], Sum: lag.Sum, Last: lag.Last, Open: lag.Open},
		}
	}
	return all
}

// Serving tells whether the broker takes clients: Start has succeeded, and it does not drain.
func (b *Broker) Serving() bool { return b.started.Load() && !b.draining.Load() }

// Draining tells whether the broker takes leave of its clients, or has: Stop was called, or HandOver and not Resume.
func (b *Broker) Draining() bool { return b.started.Load() && b.draining.Load() }
