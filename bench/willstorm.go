package bench

import (
	"context"
	"time"
)

// willStorm has many clients with wills die at once. What is counted begins with their death and ends when every watcher
// has had every will.
var willStorm = Scenario{
	Name:    "will-storm",
	Summary: "clients with wills all die at once; watchers get every will once",
	Default: Config{Clients: 1000, Subscribers: 1, QoS: 1, Rate: 500, Drain: 30 * time.Second, Threads: 2},
	Check: func(c *Config) error {
		if err := bystanderNeeds(c); err != nil {
			return err
		}
		return within("clients", c.Clients, 1, 1_000_000, "they have the wills")
	},
	run: runWillStorm,
}

func runWillStorm(ctx context.Context, r *run) error {
	c := &r.cfg
	calm := r.bystander()
	var watchers, mortals []*client
	for i := range c.Subscribers {
		k := r.inHerd(i, numbered("watcher", i))
		k.filters = []filter{{r.topic("will/+"), c.QoS}}
		watchers = append(watchers, k)
	}
	for i := range c.Clients {
		k := r.inHerd(i, numbered("mortal", i))
		f := r.feed(k, c.QoS) // which never sends: the broker does, for it
		s := r.stream(f, r.topic("will/%d", i), 0)
		for _, w := range watchers {
			r.expect(w, s, c.QoS).awry = true
		}
		k.will = &will{topic: string(s.topic), payload: r.seal.append(nil, stamp{stream: s.id}, s.size), qos: c.QoS}
		mortals = append(mortals, k)
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
	if err := r.die(ctx, mortals, watchers); err != nil {
		return err
	}
	if err := r.end(); err != nil {
		return err
	}
	wills := uint64(len(mortals) * len(watchers))
	r.report.Sent, r.report.Delivered = uint64(len(mortals)), wills-min(r.missing(watchers), wills)
	r.perUnit("will published", float64(len(mortals)))
	if err := r.drain(ctx); err != nil {
		return err
	}
	r.storming()
	return nil
}

// die is what is counted.
func (r *run) die(ctx context.Context, mortals, watchers []*client) error {
	r.enter("die", 0)
	from := r.now()
	if _, err := r.atOnce(ctx, mortals, func(k *client) {
		s := k.feeds[0].streams[0]
		s.sent = 1
		k.lane.sent++
		k.lane.owed += s.owed
		crash(k)
	}); err != nil {
		return err
	}
	if err := r.whileMoving(ctx, r.cfg.Drain, func() (int64, bool) {
		missing := r.missing(watchers)
		return int64(missing), missing == 0
	}); err != nil {
		return err
	}
	if r.missing(watchers) == 0 {
		r.figure("all wills there after", millis(r.lastHeard(watchers)-from), "ms", true)
	}
	return nil
}
