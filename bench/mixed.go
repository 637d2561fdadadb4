package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// mixed is what a broker of devices does all day, at Config.Rate messages a second in all:
//
//	80 %  telemetry, QoS 0: each device to its own topic, a dashboard subscribes to all of them with +
//	12 %  events, QoS 1: the same, for a service
//	 4 %  states, QoS 1 and retained: the same, for that service
//	 4 %  commands, QoS 1: from the service to a device's own topic
//
// and beside it a tenth as many other clients that, each once a second, come, subscribe to commands that nobody sends, and
// go. At the end a late client subscribes to all states and must get the last of each as a retained message; then they are
// taken out.
var mixed = Scenario{
	Name:    "mixed",
	Summary: "devices with telemetry, events, retained states and commands, and some coming and going",
	Default: Config{Clients: 200, Rate: 5000},
	run:     runMixed,
}

var mixedShares = [...]float64{0.80, 0.12, 0.04, 0.04}

func runMixed(ctx context.Context, r *run) error {
	c := &r.cfg
	if c.Rate == 0 {
		return errors.New("rate: devices send when they have something to say, not in a closed loop")
	}
	dashboard, service := r.client(0, "dashboard"), r.client(1, "service")
	dashboard.filters = []filter{{r.topic("mixed/+/telemetry"), 0}}
	service.filters = []filter{{r.topic("mixed/+/event"), 1}, {r.topic("mixed/+/state"), 1}}
	orders := r.feed(service, 1)
	var kinds [4][]*feed
	kinds[3] = []*feed{orders}
	var states []*stream
	for i := range c.Clients {
		k := r.client(i, numbered("dev", i))
		k.filters = []filter{{r.topic("mixed/%d/command", i), 1}}
		r.expect(k, r.stream(orders, k.filters[0].filter, 0), 1)
		for kind, name := range []string{"telemetry", "event", "state"} {
			f := r.feed(k, byte(min(kind, 1)))
			s := r.stream(f, r.topic("mixed/%d/%s", i, name), 0)
			kinds[kind] = append(kinds[kind], f)
			if name == "state" {
				s.retain = true
				states = append(states, s)
			}
			if kind == 0 {
				r.expect(dashboard, s, 0)
			} else {
				r.expect(service, s, 1)
			}
		}
	}
	churners := r.churners(max(1, c.Clients/10))
	late := r.client(0, "late")
	late.filters = []filter{{r.topic("mixed/+/state"), 1}}
	return playMixed(ctx, r, kinds, states, churners, late)
}

func playMixed(ctx context.Context, r *run, kinds [4][]*feed, states []*stream, churners []*client, late *client) error {
	steady := r.clients[:len(r.clients)-1] // all but the late one
	if err := r.connect(ctx, steady...); err != nil {
		return err
	}
	if err := r.subscribe(ctx, steady[:len(steady)-len(churners)]...); err != nil {
		return err
	}
	for i, feeds := range kinds {
		r.pace(r.cfg.Rate*mixedShares[i], feeds)
	}
	err := r.beside(ctx, func(ctx context.Context) { r.churn(ctx, churners) }, r.measure)
	if err != nil {
		return err
	}
	if s := r.report.Elapsed.Seconds(); s > 0 {
		r.figure("clients that came and went", float64(r.answered-r.start0.answered)/s, "1/s", false)
	}
	if err := r.drain(ctx); err != nil {
		return err
	}
	return errors.Join(r.checkRetained(ctx, states, late), r.unretain(ctx, states))
}

// churners makes clients that subscribe when they have connected and go when that is granted.
func (r *run) churners(n int) []*client {
	list := make([]*client, n)
	for i := range list {
		k := r.client(i, numbered("churn", i))
		k.filters = []filter{{r.topic("mixed/none%d/command", i), 1}}
		k.mayFall = true
		k.onSubscribed = func(k *client) { k.leave() }
		list[i] = k
	}
	return list
}

const (
	churnEvery = 50 * time.Millisecond
	churnParts = 20 // of churners, of which one is sent each time: each comes once a second
)

// churn sends the churners, who are gone, until ctx ends.
func (r *run) churn(ctx context.Context, churners []*client) {
	t := time.NewTicker(churnEvery)
	defer t.Stop()
	for n := 0; ; n++ {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		r.each(func(ln *lane) {
			for i := n % churnParts; i < len(churners); i += churnParts {
				if k := churners[i]; k.lane == ln && k.state == down {
					k.onUp = func(k *client) { k.subscribe() }
					k.dial()
				} else if k.lane == ln && k.state == up && k.wanted == 0 {
					k.subscribe() // it was connected with the others, and has only waited
				}
			}
		})
	}
}

// checkRetained has a client that connects and subscribes now get the last message of each stream, as a retained one.
func (r *run) checkRetained(ctx context.Context, streams []*stream, late *client) error {
	want := uint64(0)
	for _, s := range streams {
		if s.sent > 0 {
			t := &track{of: s, id: s.id, qos: s.qos, retain: true}
			t.next = s.sent - 1
			late.ledger.add(t)
			want++
		}
	}
	if err := r.connect(ctx, late); err != nil {
		return err
	}
	before := r.counts().delivered
	if err := r.subscribe(ctx, late); err != nil {
		return err
	}
	r.enter("drain", r.cfg.Drain)
	return r.await(ctx, r.cfg.Drain, func() bool {
		c := r.counts()
		return c.delivered-before >= want && c.unreleased == 0
	})
}

// unretain takes the streams' retained messages out of the broker, once nobody is subscribed to them any more.
func (r *run) unretain(ctx context.Context, streams []*stream) error {
	publishers := make(map[*client]bool)
	for _, s := range streams {
		publishers[s.feed.c] = true
	}
	r.each(func(ln *lane) {
		for _, k := range r.clients {
			if k.lane == ln && !publishers[k] {
				k.mayFall = true
				k.leave()
			}
		}
	})
	if err := r.pause(ctx, 20*time.Millisecond); err != nil { // for the broker to see them go
		return fmt.Errorf("take out retained messages: %w", err)
	}
	r.each(func(ln *lane) {
		for _, s := range streams {
			if k := s.feed.c; k.lane == ln && k.conn != nil {
				p := mqtt.Publish{Topic: s.topic, Retain: true}
				k.conn.Out = p.AppendTo(k.conn.Out, r.cfg.Version)
				k.conn.Flush()
			}
		}
	})
	return nil
}
