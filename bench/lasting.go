package bench

import (
	"context"
	"time"

	"github.com/penstock-mqtt/penstock/bench/internal/hist"
)

// sessionExpiry is what clients of 5.0 ask for whose session is to outlive their connection: beyond any run, and no more,
// for runs that end before they can clean up.
const sessionExpiry = 3600

// last makes the client's session one that outlives its connection. Before it connects.
func (k *client) last() { k.resume, k.expiry = true, sessionExpiry }

// lasting has those sessions last whose messages a broker has to keep, where Config.Persistent asks for it: of who
// subscribes, and of who publishes at QoS 2, whose open exchanges are a part of the session.
func (r *run) lasting() {
	if !r.cfg.Persistent {
		return
	}
	for _, k := range r.clients {
		exact := false
		for _, f := range k.feeds {
			exact = exact || f.qos == 2
		}
		if len(k.filters) > 0 || exact {
			k.last()
		}
	}
}

// left are the clients that still have a session that lasts. The lanes must not be connecting any.
func (r *run) left() (clients []*client) {
	r.each(func(ln *lane) {
		for _, k := range r.clients {
			if k.lane == ln && k.resume {
				clients = append(clients, k)
			}
		}
	})
	return clients
}

// wipeLimit bounds the cleaning up, which also follows a run that was broken off.
const wipeLimit = 10 * time.Second

// wipe ends the sessions that the clients have with the broker: a clean start, and goodbye.
func (r *run) wipe(clients []*client) {
	ctx, cancel := context.WithTimeout(context.Background(), wipeLimit)
	defer cancel()
	if r.group == nil || len(clients) == 0 {
		return
	}
	r.enter("clean up", 0)
	r.together = false
	r.collect()
	counted := r.total.connects
	r.total.connects = hist.New() // these are nobody's figures
	defer func() {
		r.collect()
		r.total.connects = counted
	}()
	r.unreleased(clients)
	// A step that was broken off has left clients behind that would be taken for those of the next one.
	r.onEach(r.clients, func(k *client) { k.awaited = false })
	forget := func(k *client) { k.failed, k.onUp = nil, nil }
	r.onEach(clients, forget)
	r.outcomes(ctx, clients)
	r.onEach(clients, forget)
	if err := r.throng(ctx, clients, 0, part); err != nil {
		r.note("sessions may be left with the broker: %v", err)
		return
	}
	r.onEach(clients, func(k *client) { forget(k); k.resume, k.expiry = false, 0 })
	// Twice, for the sake of those that got no answer: their CONNECT may come to the broker behind the first clean start.
	for _, step := range []func(*client){(*client).dial, part, (*client).dial, part} {
		if err := r.throng(ctx, clients, 0, step); err != nil {
			r.note("sessions may be left with the broker: %v", err)
			return
		}
	}
}

// outcomes waits for the connections that are under way, for a while. One that is ended without its CONNACK leaves a CONNECT that
// some loop of the broker may read only behind a clean start that came to another one, and that begins a session again.
func (r *run) outcomes(ctx context.Context, clients []*client) {
	ctx, cancel := context.WithTimeout(ctx, wipeLimit/2)
	defer cancel()
	_ = r.throng(ctx, clients, 0, outcome) // refused or unanswered: the clean start will say so
}

// unreleased counts the exchanges of QoS 2 that the broker has left open, as long as there are the sessions that they end with.
func (r *run) unreleased(clients []*client) {
	if !r.drained {
		return
	}
	r.onEach(clients, (*client).unreleased)
}

// onEach runs f for each of the clients, on its lane.
func (r *run) onEach(clients []*client, f func(*client)) {
	r.each(func(ln *lane) {
		for _, k := range clients {
			if k.lane == ln {
				f(k)
			}
		}
	})
}
