package bench

import (
	"context"
	"time"

	"github.com/penstock-mqtt/penstock/bench/internal/loop"
)

// slowConsumer is a fan-out at a rate in which some subscribers do not keep up: every other one stops reading, the rest
// read for a tenth of the time. What counts is what becomes of the others, whose latency the report has, and of the
// broker's memory. What the slow ones lose at QoS 0, or that the broker ends their connections, is no fault.
var slowConsumer = Scenario{
	Name:    "slow-consumer",
	Summary: "some subscribers stop reading: what the others and the broker's memory feel of it",
	Default: Config{Publishers: 1, Subscribers: 20, Clients: 4, Rate: 2000, Payload: 1024},
	run:     runSlowConsumer,
}

// The slow ones' time: of every slowPeriod they read for slowReads.
const (
	slowPeriod = time.Second
	slowReads  = 100 * time.Millisecond
)

func runSlowConsumer(ctx context.Context, r *run) error {
	c := &r.cfg
	filters := []filter{{r.topic("slow/#"), c.QoS}}
	var streams []*stream
	for i := range c.Publishers {
		streams = append(streams, r.stream(r.feed(r.client(i, numbered("pub", i)), c.QoS), r.topic("slow/%d", i), 0))
	}
	for i := range c.Subscribers {
		k := r.client(i, numbered("sub", i))
		k.filters = filters
		for _, s := range streams {
			r.expect(k, s, c.QoS)
		}
	}
	var slow []*client
	for i := range c.Clients {
		k := r.client(i, numbered("slow", i))
		k.filters, k.mayFall = filters, true
		for _, s := range streams {
			r.expectAside(k, s, c.QoS)
		}
		slow = append(slow, k)
	}
	return playSlowly(ctx, r, slow)
}

// playSlowly is play with the slow ones slow while it counts.
func playSlowly(ctx context.Context, r *run, slow []*client) error {
	if err := r.connect(ctx, r.clients...); err != nil {
		return err
	}
	if err := r.subscribe(ctx, r.clients...); err != nil {
		return err
	}
	if err := r.start(); err != nil {
		return err
	}
	r.reading(slow, (*loop.Conn).Pause)
	err := r.beside(ctx, func(ctx context.Context) { r.dawdle(ctx, slow) }, r.measure)
	gone := r.reading(slow, (*loop.Conn).Resume)
	if err == nil {
		err = r.drain(ctx)
	}
	r.figure("deliveries to slow consumers", float64(r.counts().aside), "messages", false)
	r.figure("slow consumers disconnected", float64(gone), "connections", false)
	return err
}

// dawdle lets every second of the slow ones read now and then, until ctx ends.
func (r *run) dawdle(ctx context.Context, slow []*client) {
	var some []*client
	for i := 1; i < len(slow); i += 2 {
		some = append(some, slow[i])
	}
	t := time.NewTicker(slowReads)
	defer t.Stop()
	for n := 1; ; n++ {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		switch n % int(slowPeriod/slowReads) {
		case 0:
			r.reading(some, (*loop.Conn).Resume)
		case 1:
			r.reading(some, (*loop.Conn).Pause)
		}
	}
}

// reading has connections read or not, and says how many there are no more.
func (r *run) reading(clients []*client, what func(*loop.Conn)) (gone int) {
	r.each(func(ln *lane) {
		for _, k := range clients {
			switch {
			case k.lane != ln:
			case k.conn == nil:
				gone++
			default:
				what(k.conn)
			}
		}
	})
	return gone
}
