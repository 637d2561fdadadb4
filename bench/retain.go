package bench

import (
	"context"
	"slices"
)

// retain has publishers overwrite retained messages, each those of its own topics in turn. Nobody is subscribed meanwhile;
// afterwards a client subscribes to all of them and must get the last of each, and they are deleted.
var retain = Scenario{
	Name:    "retain",
	Summary: "publishers overwrite retained messages, and nobody is subscribed",
	Default: Config{Publishers: 10, Topics: 10_000, QoS: 1, Window: 16},
	Check: func(c *Config) error {
		if err := within("qos", int(c.QoS), 1, 2, "QoS 0 is not acknowledged"); err != nil {
			return err
		}
		return within("topics", c.Topics, c.Publishers, 10_000_000, "each publisher has one at least")
	},
	run: runRetain,
}

func runRetain(ctx context.Context, r *run) error {
	c := &r.cfg
	var feeds, removes []*feed
	for i := range c.Publishers {
		pub := r.client(i, numbered("pub", i))
		f := r.feed(pub, c.QoS)
		for n := i; n < c.Topics; n += c.Publishers {
			r.stream(f, r.topic("retain/%d/%d", i, n), 0).retain = true
		}
		feeds, removes = append(feeds, f), append(removes, r.emptied(pub, f))
	}
	pubs, streams := r.clients, slices.Concat(streamsOf(feeds)...)
	late := r.client(0, "late")
	if err := r.connect(ctx, pubs...); err != nil {
		return err
	}
	defer r.forgetRetained([]*client{late}, removes...)
	if err := r.startOf(feeds); err != nil {
		return err
	}
	if err := r.measure(ctx); err != nil {
		return err
	}
	r.figure("retained messages stored", float64(r.report.Sent)/r.report.Elapsed.Seconds(), "1/s", false)
	r.perUnit("message retained", float64(r.report.Sent))
	if err := r.drain(ctx); err != nil {
		return err
	}
	late.filters = []filter{{r.topic("retain/#"), c.QoS}}
	return r.checkRetained(ctx, streams, late)
}

func streamsOf(feeds []*feed) [][]*stream {
	list := make([][]*stream, len(feeds))
	for i, f := range feeds {
		list[i] = f.streams
	}
	return list
}
