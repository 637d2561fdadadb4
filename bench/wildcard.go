package bench

import "context"

// wildcard has clients with filters of three forms, and publishers to topics of which each matches several clients.
//
// There are T topics P/w/n/x/t, P being the run's own two levels and n from 0 to T-1, shared out over the publishers, who
// take theirs in turn. Client i's k-th filter, both from 0, is about the topic n = (i·F + k) mod T, F being the filters a
// client has; by k mod 3 its form is
//
//	0  P/w/n/+/t
//	1  P/w/n/#
//	2  P/+/n/x/t
//
// So the filters of one client match no topic twice, which brokers may answer differently, and each topic matches those of
// C·F/T clients: they, and nobody else, must get its messages.
var wildcard = Scenario{
	Name:    "wildcard",
	Summary: "clients with filters of + and #, several of which match each message",
	Default: Config{Publishers: 50, Clients: 200, Filters: 10, Topics: 500, Window: 16},
	Check:   checkWildcard,
	run:     runWildcard,
}

func checkWildcard(c *Config) error {
	if err := within("filters", c.Filters, 1, c.Topics, "the filters of a client are about different topics"); err != nil {
		return err
	}
	if err := within("topics", c.Topics, 1, c.Clients*c.Filters, "each has to match a filter"); err != nil {
		return err
	}
	return within("publishers", c.Publishers, 1, c.Topics, "each publishes to topics of its own")
}

func runWildcard(ctx context.Context, r *run) error {
	c := &r.cfg
	streams := make([]*stream, c.Topics)
	for i := range c.Publishers {
		f := r.feed(r.client(i, numbered("pub", i)), c.QoS)
		for n := i; n < c.Topics; n += c.Publishers {
			streams[n] = r.stream(f, r.topic("w/%d/x/t", n), 0)
		}
	}
	for i := range c.Clients {
		k := r.client(i, numbered("sub", i))
		for j := range c.Filters {
			n := (i*c.Filters + j) % c.Topics
			form := [...]string{"w/%d/+/t", "w/%d/#", "+/%d/x/t"}[j%3]
			k.filters = append(k.filters, filter{r.topic(form, n), c.QoS})
			r.expect(k, streams[n], c.QoS)
		}
	}
	return r.play(ctx)
}
