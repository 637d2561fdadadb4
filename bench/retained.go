package bench

import (
	"context"
	"time"
)

// retained has a number of messages retained, each on a topic of its own, and replayed to fresh subscribers, one after the
// other. What is counted begins with the SUBSCRIBE of the first and ends with the last message of the last.
var retained = Scenario{
	Name:    "retained",
	Summary: "retained messages, replayed to fresh subscribers one after the other",
	Default: Config{Messages: 20_000, Subscribers: 5, Window: 64},
	Check: func(c *Config) error {
		if c.Rate > 0 {
			return within("rate", int(c.Rate), 0, 0, "what is retained is sent as fast as it is acknowledged")
		}
		return within("messages", c.Messages, 1, 10_000_000, "each has a topic of its own")
	},
	run: runRetained,
}

func runRetained(ctx context.Context, r *run) error {
	c := &r.cfg
	pub := r.client(0, "pub")
	store := r.feed(pub, max(c.QoS, 1)) // acknowledged: stored
	store.limit = uint32(c.Messages)
	for i := range c.Messages {
		r.stream(store, r.topic("retained/%d/%d", i/100, i%100), 0).retain = true
	}
	var subs []*client
	for i := range c.Subscribers {
		sub := r.client(i, numbered("sub", i))
		sub.filters = []filter{{r.topic("retained/#"), c.QoS}}
		for _, s := range store.streams {
			t := r.expect(sub, s, c.QoS)
			t.retain, t.awry = true, true
		}
		subs = append(subs, sub)
	}
	remove := r.emptied(pub, store)
	if err := r.connect(ctx, r.clients...); err != nil {
		return err
	}
	defer r.forgetRetained(subs, remove)

	r.enter("store", 0)
	from := r.now()
	if err := r.costing("message retained", c.Messages, func() error { return r.publishAll(ctx, store) }); err != nil {
		return err
	}
	r.figure("retained messages stored", float64(c.Messages)/(r.lastHeard([]*client{pub})-from).Seconds(), "1/s", false)
	return r.replay(ctx, subs)
}

// emptied is a feed that deletes what another has retained.
func (r *run) emptied(pub *client, store *feed) *feed {
	remove := r.feed(pub, store.qos)
	remove.closed, remove.limit = true, uint32(len(store.streams))
	for _, kept := range store.streams {
		s := r.stream(remove, string(kept.topic), 0)
		s.retain, s.size = true, 0
	}
	return remove
}

// replay subscribes one after the other and waits for all that each is to get.
func (r *run) replay(ctx context.Context, subs []*client) error {
	if err := r.begin(); err != nil {
		return err
	}
	var replaying, first time.Duration
	for i, sub := range subs {
		asked := r.now()
		if err := r.subscribe(ctx, sub); err != nil {
			return err
		}
		if err := r.delivered(ctx, uint64((i+1)*r.cfg.Messages)); err != nil {
			return err
		}
		took := r.lastHeard(subs[i:i+1]) - asked
		if r.counts().settled < uint64((i+1)*r.cfg.Messages) {
			took = r.now() - asked // until we gave up
		}
		replaying += took
		if i == 0 {
			first = took
		}
	}
	if err := r.end(); err != nil {
		return err
	}
	r.report.Elapsed = replaying // without the moments in between
	r.figure("SUBSCRIBE to the last message, the first time", millis(first), "ms", true)
	r.figure("SUBSCRIBE to the last message, on average", millis(replaying)/float64(len(subs)), "ms", true)
	return r.drain(ctx)
}

// forgetRetained deletes what the run has had retained. The subscribers leave before, to whom it would come.
func (r *run) forgetRetained(subs []*client, removes ...*feed) {
	ctx, cancel := context.WithTimeout(context.Background(), wipeLimit)
	defer cancel()
	r.enter("clean up", 0)
	err := r.throng(ctx, subs, 0, part)
	if err == nil {
		err = r.publishAll(ctx, removes...)
	}
	if left := r.counts().open; err == nil && left > 0 || err != nil {
		r.note("retained messages may be left with the broker: %d deletions were not acknowledged (%v)", left, err)
	}
}
