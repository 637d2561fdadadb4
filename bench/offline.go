package bench

import (
	"context"
	"time"
)

// offline queues messages for a session whose client is away, and counts what it costs to drain the queue: from the
// client's CONNECT to the last message, and nothing else.
var offline = Scenario{
	Name:    "offline",
	Summary: "messages queued for a client that is away, drained when it returns",
	Default: Config{Messages: 20_000, Publishers: 1, Subscribers: 1, QoS: 1, Window: 64},
	Check: func(c *Config) error {
		if c.Rate > 0 {
			return within("rate", int(c.Rate), 0, 0, "what is queued is sent as fast as it is acknowledged")
		}
		if err := within("qos", int(c.QoS), 1, 2, "QoS 0 is not queued"); err != nil {
			return err
		}
		return within("publishers", c.Publishers, 1, c.Messages, "each sends its share of the messages")
	},
	run: runOffline,
}

func runOffline(ctx context.Context, r *run) error {
	c := &r.cfg
	var feeds []*feed
	var pubs, subs []*client
	for i := range c.Publishers {
		pub := r.client(i, numbered("pub", i))
		f := r.feed(pub, c.QoS)
		f.limit = uint32(c.Messages / c.Publishers)
		if i < c.Messages%c.Publishers {
			f.limit++
		}
		r.stream(f, r.topic("offline/%d", i), 0)
		pubs, feeds = append(pubs, pub), append(feeds, f)
	}
	for i := range c.Subscribers {
		sub := r.client(i, numbered("sub", i))
		sub.last()
		sub.filters = []filter{{r.topic("offline/+"), c.QoS}}
		for _, f := range feeds {
			r.expect(sub, f.streams[0], c.QoS).awry = true
		}
		subs = append(subs, sub)
	}
	if err := r.connect(ctx, r.clients...); err != nil {
		return err
	}
	if err := r.subscribe(ctx, subs...); err != nil {
		return err
	}
	if err := r.throng(ctx, subs, 0, part); err != nil {
		return err
	}
	r.enter("queue", 0)
	from := r.now()
	if err := r.costing("message queued", c.Messages, func() error { return r.publishAll(ctx, feeds...) }); err != nil {
		return err
	}
	r.figure("messages queued", float64(c.Messages)/(r.lastHeard(pubs)-from).Seconds(), "1/s", false)
	return r.drainQueues(ctx, subs)
}

// drainQueues brings the clients back, all at once.
func (r *run) drainQueues(ctx context.Context, subs []*client) error {
	r.enter("drain the queue", 0)
	if err := r.begin(); err != nil {
		return err
	}
	r.total.connects.Reset()
	from := r.now()
	if _, err := r.atOnce(ctx, subs, (*client).dial); err != nil {
		return err
	}
	all := uint64(r.cfg.Messages * len(subs))
	if err := r.delivered(ctx, all); err != nil {
		return err
	}
	if err := r.end(); err != nil {
		return err
	}
	r.checkSessions(subs)
	if missing := int64(all) - int64(r.counts().settled); missing <= 0 {
		r.report.Elapsed = r.lastHeard(subs) - from
		r.figure("CONNECT to the last message", millis(r.report.Elapsed), "ms", true)
	} else {
		r.note("%d messages did not come: the broker may queue less than %d for a client (mosquitto: max_queued_messages 0; penstock: session.max_queued_messages)",
			missing, r.cfg.Messages)
	}
	return r.drain(ctx)
}

// checkSessions counts those whose session was to be there when they returned, and was not.
func (r *run) checkSessions(clients []*client) (missing int) {
	r.each(func(ln *lane) {
		for _, k := range clients {
			if k.lane == ln && k.state == up && !k.present {
				missing++
				ln.faults.note(protocol, "%s: its session was not there when it returned", k.id)
			}
		}
	})
	return missing
}

// millis is a duration as a figure.
func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
