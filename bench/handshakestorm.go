package bench

import (
	"context"
	"time"

	"github.com/penstock-mqtt/penstock/bench/internal/hist"
)

// handshakeStorm has many clients connect at once. Over TLS it is a storm of handshakes, which are the most expensive thing
// that a stranger can ask of a broker; what is counted begins with it and ends when everybody has a CONNACK.
var handshakeStorm = Scenario{
	Name:    "handshake-storm",
	Summary: "clients all connect at once: over TLS a storm of handshakes, while an established pair is watched",
	Default: Config{Clients: 1000, Rate: 500, Drain: 30 * time.Second, Threads: 2},
	Check: func(c *Config) error {
		if err := bystanderNeeds(c); err != nil {
			return err
		}
		return within("clients", c.Clients, 1, 1_000_000, "they make the storm")
	},
	run: runHandshakeStorm,
}

func runHandshakeStorm(ctx context.Context, r *run) error {
	calm := r.bystander()
	var herd []*client
	for i := range r.cfg.Clients {
		herd = append(herd, r.inHerd(i, numbered("storm", i)))
	}
	if err := r.connect(ctx, calm.pair...); err != nil {
		return err
	}
	if err := r.subscribe(ctx, calm.pair...); err != nil {
		return err
	}
	if err := r.before(calm, func(d time.Duration) error { return r.pause(ctx, d) }); err != nil {
		return err
	}
	if err := r.begin(); err != nil {
		return err
	}
	r.total.connects.Reset()
	shaken := r.handshakes()
	in, err := r.rushIn(ctx, herd)
	if err != nil {
		return err
	}
	if err := r.end(); err != nil {
		return err
	}
	r.report.Sent, r.report.Delivered = 0, 0 // the bystander's, which are not what is counted
	r.handshakeFigures(shaken)
	r.perUnit("client that connects", float64(in))
	if err := r.drain(ctx); err != nil {
		return err
	}
	r.storming()
	return nil
}

// rushIn is what is counted. It returns how many were accepted.
func (r *run) rushIn(ctx context.Context, herd []*client) (in int64, err error) {
	r.enter("storm", 0)
	took := make([]hist.Recorder, len(r.lanes)) // µs from the beginning to CONNACK
	from := r.now()
	for _, k := range herd {
		k.onUp = func(k *client) { took[k.lane.index].Add(int64((r.now() - from) / time.Microsecond)) }
	}
	left, err := r.atOnce(ctx, herd, (*client).dial)
	if err != nil {
		return 0, err
	}
	if left > 0 {
		r.each(func(ln *lane) {
			for _, k := range herd {
				if k.lane == ln && k.state == dialing {
					ln.faults.note(stalled, "%s: no CONNACK", k.id)
				}
			}
		})
	}
	all := hist.New()
	r.each(func(ln *lane) { all.Merge(took[ln.index].Swap(nil)) })
	if p := percentiles(all); p != nil {
		in = int64(p.Count)
		r.figure("half of the clients in after", millis(p.P50), "ms", true)
		if in == int64(len(herd)) {
			r.figure("all clients in after", millis(p.Max), "ms", true)
		}
	}
	r.figure("clients in", float64(in), "clients", false)
	return in, nil
}
