package bench

import "context"

// fanin has many publishers, each with a topic of its own, and few subscribers that take all of them by a wildcard.
var fanin = Scenario{
	Name:    "fanin",
	Summary: "many publishers, one subscriber to all of them",
	Default: Config{Publishers: 500, Subscribers: 1, Window: 16},
	run:     runFanin,
}

func runFanin(ctx context.Context, r *run) error {
	c := &r.cfg
	var subs []*client
	for i := range c.Subscribers {
		sub := r.client(i, numbered("sub", i))
		sub.filters = []filter{{r.topic("fanin/#"), c.QoS}}
		subs = append(subs, sub)
	}
	for i := range c.Publishers {
		s := r.stream(r.feed(r.client(i, numbered("pub", i)), c.QoS), r.topic("fanin/%d", i), 0)
		for _, sub := range subs {
			r.expect(sub, s, c.QoS)
		}
	}
	return r.play(ctx)
}
