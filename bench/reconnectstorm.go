package bench

import (
	"context"
	"fmt"
	"time"
)

// reconnectStorm cuts off many clients with a session at once, publishes to them while they are away, and has all of them
// return at once. What is counted begins with the cut and ends when everybody has had everything.
var reconnectStorm = Scenario{
	Name:    "reconnect-storm",
	Summary: "clients with a session all lose their connection at once, and all return at once",
	Default: Config{Clients: 1000, Messages: 1, QoS: 1, Rate: 500, Drain: 30 * time.Second, Threads: 2},
	Check: func(c *Config) error {
		if c.Messages == 0 {
			c.Messages = 1
		}
		if err := bystanderNeeds(c); err != nil {
			return err
		}
		if err := within("qos", int(c.QoS), 1, 2, "QoS 0 is not kept for those who are away"); err != nil {
			return err
		}
		return within("clients", c.Clients, 1, 1_000_000, "they make the storm")
	},
	run: runReconnectStorm,
}

func bystanderNeeds(c *Config) error {
	if c.Rate <= 0 {
		return fmt.Errorf("rate: the bystander needs one")
	}
	return nil
}

func runReconnectStorm(ctx context.Context, r *run) error {
	c := &r.cfg
	calm := r.bystander()
	pub := r.inHerd(0, "pub")
	f := r.feed(pub, c.QoS)
	f.closed, f.window, f.limit = true, 64, uint32(c.Clients*c.Messages)
	var herd []*client
	for i := range c.Clients {
		k := r.inHerd(i, numbered("storm", i))
		k.last()
		name := r.topic("storm/%d", i)
		k.filters = []filter{{name, c.QoS}}
		r.expect(k, r.stream(f, name, 0), c.QoS).awry = true
		herd = append(herd, k)
	}
	if err := r.connect(ctx, r.clients...); err != nil {
		return err
	}
	if err := r.subscribe(ctx, r.clients...); err != nil {
		return err
	}
	if err := r.before(calm, func(d time.Duration) error { return r.pause(ctx, d) }); err != nil {
		return err
	}
	if err := r.begin(); err != nil {
		return err
	}
	if err := r.storm(ctx, herd, f); err != nil {
		return err
	}
	if err := r.end(); err != nil {
		return err
	}
	r.report.Sent, r.report.Delivered = uint64(f.limit), uint64(f.limit)-min(r.missing(herd), uint64(f.limit))
	r.perUnit("client that returns", float64(len(herd)))
	if err := r.drain(ctx); err != nil {
		return err
	}
	r.storming()
	return nil
}

// storm is what is counted.
func (r *run) storm(ctx context.Context, herd []*client, f *feed) error {
	r.enter("cut off", 0)
	if _, err := r.atOnce(ctx, herd, crash); err != nil {
		return err
	}
	if err := r.publishAll(ctx, f); err != nil {
		return err
	}
	r.enter("return", 0)
	r.total.connects.Reset()
	back := make([]time.Duration, len(r.lanes))
	r.each(func(ln *lane) {
		for _, k := range herd {
			if k.lane == ln {
				k.onUp = func(k *client) { back[k.lane.index] = r.now() }
			}
		}
	})
	from := r.now()
	left, err := r.atOnce(ctx, herd, (*client).dial)
	if err != nil {
		return err
	}
	if left > 0 {
		r.each(func(ln *lane) {
			for _, k := range herd {
				if k.lane == ln && k.state != up {
					ln.faults.note(stalled, "%s: no CONNACK after its return", k.id)
				}
			}
		})
	}
	if err := r.whileMoving(ctx, r.cfg.Drain, func() (int64, bool) {
		missing := r.missing(herd)
		return int64(missing), missing == 0
	}); err != nil {
		return err
	}
	var last time.Duration
	r.each(func(ln *lane) { last = max(last, back[ln.index]) })
	gone := r.checkSessions(herd)
	if left == 0 {
		r.figure("all clients back after", millis(last-from), "ms", true)
	}
	if r.missing(herd) == 0 {
		r.figure("all messages there after", millis(r.lastHeard(herd)-from), "ms", true)
	}
	r.figure("clients back", float64(len(herd)-int(left)), "clients", false)
	r.figure("sessions found again", float64(len(herd)-int(left)-gone), "sessions", false)
	return nil
}

// missing is how many messages the clients have not had.
func (r *run) missing(clients []*client) (n uint64) {
	r.each(func(ln *lane) {
		for _, k := range clients {
			if k.lane == ln {
				k.ledger.all(func(t *track) {
					gone, tail := t.end(t.of.sent)
					n += gone + tail
				})
			}
		}
	})
	return n
}
