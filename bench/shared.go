package bench

import "context"

// shared has publishers with topics of their own, and consumers that share one subscription to all of them: each message
// comes to one of them, once, and to each in the order of its publisher.
var shared = Scenario{
	Name:    "shared",
	Summary: "publishers to consumers of one shared subscription",
	Default: Config{Publishers: 50, Subscribers: 10, QoS: 1, Window: 16},
	Check:   checkShared,
	run:     runShared,
}

func checkShared(c *Config) error {
	if c.Topics == 0 {
		c.Topics = c.Publishers
	}
	return within("topics", c.Topics, c.Publishers, c.Publishers, "one for each publisher")
}

func runShared(ctx context.Context, r *run) error {
	c := &r.cfg
	var members []*client
	for i := range c.Subscribers {
		k := r.client(i, numbered("sub", i))
		k.filters = []filter{{"$share/bench/" + r.topic("shared/+"), c.QoS}}
		members = append(members, k)
	}
	g := r.share(members)
	for i := range c.Publishers {
		f := r.feed(r.client(i, numbered("pub", i)), c.QoS)
		r.expectShared(g, r.stream(f, r.topic("shared/%d", i), 0), c.QoS)
	}
	return r.play(ctx)
}
