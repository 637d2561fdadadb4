package bench

import "context"

// fanout sends each message to every subscriber. With several topics the publishers share them out, one after the other,
// and all subscribers have all topics.
var fanout = Scenario{
	Name:    "fanout",
	Summary: "every message goes to every subscriber",
	Default: Config{Publishers: 1, Topics: 1, Subscribers: 500, Window: 16},
	run:     runFanout,
}

func runFanout(ctx context.Context, r *run) error {
	c := &r.cfg
	filters := make([]filter, c.Topics)
	for i := range filters {
		filters[i] = filter{r.topic("fanout/%d", i), c.QoS}
	}
	var streams []*stream
	for i := range c.Publishers {
		f := r.feed(r.client(i, numbered("pub", i)), c.QoS)
		for n := i % c.Topics; n < c.Topics; n += c.Publishers {
			streams = append(streams, r.stream(f, filters[n].filter, 0))
		}
	}
	for i := range c.Subscribers {
		sub := r.client(i, numbered("sub", i))
		sub.filters = filters
		for _, s := range streams {
			r.expect(sub, s, c.QoS)
		}
	}
	return r.play(ctx)
}
