package bench

import "context"

// p2p is point to point: as many publishers as subscribers, in pairs, each pair with a topic of its own.
var p2p = Scenario{
	Name:    "p2p",
	Summary: "pairs of a publisher and a subscriber, each with a topic of its own",
	Default: Config{Publishers: 50, Window: 16},
	Check:   checkPairs,
	run:     runPairs,
}

func checkPairs(c *Config) error {
	if c.Subscribers == 0 {
		c.Subscribers = c.Publishers
	}
	if c.Topics == 0 {
		c.Topics = c.Publishers
	}
	return within("subscribers", c.Subscribers, c.Publishers, c.Publishers, "one for each publisher")
}

func runPairs(ctx context.Context, r *run) error {
	for i := range r.cfg.Publishers {
		name := r.topic("p2p/%d", i)
		sub := r.client(i, numbered("sub", i))
		sub.filters = []filter{{name, r.cfg.QoS}}
		f := r.feed(r.client(i, numbered("pub", i)), r.cfg.QoS)
		r.expect(sub, r.stream(f, name, 0), r.cfg.QoS)
	}
	return r.play(ctx)
}
