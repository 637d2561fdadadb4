package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/penstock-mqtt/penstock/bench/internal/proc"
)

// figures takes the six figures that mqtt5-backend publishes, in their order and units.
var figures = Scenario{
	Name:    "figures",
	Summary: "connections/s, subscriptions/s, messages/s one to one, maximum connections, idle CPU, memory",
	Default: Config{Clients: 10_000, Publishers: 50, Window: 16, Warmup: 2 * time.Second, Duration: 3 * time.Second},
	Check: func(c *Config) error {
		if c.Rate > 0 {
			return fmt.Errorf("rate: messages are sent as fast as they arrive")
		}
		return within("clients", c.Clients, 2*c.Publishers, 1_000_000, "the pairs of publisher and subscriber are among them")
	},
	run: runFigures,
}

func runFigures(ctx context.Context, r *run) error {
	c := &r.cfg
	stopped := r.cap()
	for i := range c.Clients {
		k := r.client(i/2, numbered("client", i))
		k.mayFall = true // until it is known how many the broker takes
		name := r.topic("figures/%d", i/2)
		if i%2 == 0 {
			k.filters = []filter{{name, c.QoS}}
		} else if i < 2*c.Publishers {
			r.expect(r.clients[i-1], r.stream(r.feed(k, c.QoS), name, 0), c.QoS)
		} else {
			k.filters = []filter{{r.topic("figures/%d/idle", i), c.QoS}}
		}
	}
	up, err := r.fill(ctx)
	if err != nil {
		return err
	}
	if len(up) < len(r.clients) {
		stopped = "the broker, which took no more"
	}
	if len(up) < 2*c.Publishers {
		return fmt.Errorf("connect: the broker took %d connections, %d are needed", len(up), 2*c.Publishers)
	}
	if err := r.subscribeAll(ctx, up); err != nil {
		return err
	}
	if err := r.start(); err != nil {
		return err
	}
	if err := r.measure(ctx); err != nil {
		return err
	}
	if err := r.drain(ctx); err != nil {
		return err
	}
	r.figure("messages, one to one", float64(r.report.Delivered)/r.report.Elapsed.Seconds(), "1/s", false)
	r.figure("maximum connections", float64(len(up)), "connections", false)
	r.note("the maximum was set by %s", stopped)
	return r.rest(ctx, len(up))
}

// cap bounds the clients by what this process may open, and says what will be the limit if the broker is not.
func (r *run) cap() (stopped string) {
	files := mostDescriptors()
	if most := files - 16*len(r.lanes) - 128; r.cfg.Clients > most {
		r.cfg.Clients = max(most, 0)
		r.report.Config.Clients = r.cfg.Clients
		return fmt.Sprintf("the generator's limit of %d open files", files)
	}
	return "the number of clients asked for"
}

// fullAfter is how long a broker may take no connection before it counts as full.
const fullAfter = 3 * time.Second

// fill connects one client after the other, as fast as they are answered, until the broker takes no more, and returns
// those that it took. What fails then is no fault.
func (r *run) fill(ctx context.Context) (up_ []*client, err error) {
	if err := r.launch(); err != nil {
		return nil, err
	}
	r.enter("connect", 0)
	from, answered, moved := r.now(), uint64(0), r.now()
	last := from
	for next := 0; ; {
		got := r.counts()
		if got.answered != answered {
			answered, moved = got.answered, r.now()
			last = moved
		}
		if answered == uint64(len(r.clients)) || r.now()-moved > fullAfter {
			break
		}
		for ; next < len(r.clients) && next-int(answered) < maxUnanswered; next++ {
			k := r.clients[next]
			k.lane.loop.Post(k.dial)
		}
		if err := r.pause(ctx, time.Millisecond); err != nil {
			return nil, err
		}
	}
	r.figure("connections", float64(answered)/(last-from).Seconds(), "1/s", false)
	return r.taken(), nil
}

// taken sorts out who has a connection, and lets go of the others.
func (r *run) taken() (up_ []*client) {
	waiting := 0
	r.each(func(ln *lane) {
		for _, k := range r.clients {
			if k.lane != ln {
				continue
			}
			if k.mayFall = k.state != up; !k.mayFall {
				up_ = append(up_, k)
			} else if k.conn != nil {
				waiting++
				k.fall()
			}
		}
	})
	if waiting > 0 {
		r.note("%d connections had no CONNACK after %v", waiting, fullAfter)
	}
	return up_
}

// subscribeAll has each client subscribe once.
func (r *run) subscribeAll(ctx context.Context, clients []*client) error {
	n := 0
	for _, k := range clients {
		n += len(k.filters)
	}
	from := r.now()
	if err := r.subscribe(ctx, clients...); err != nil {
		return err
	}
	r.figure("subscriptions", float64(n)/(r.lastHeard(clients)-from).Seconds(), "1/s", false)
	return nil
}

// rest waits for the broker to come to rest with n connections, and reads its CPU and memory.
func (r *run) rest(ctx context.Context, n int) error {
	if err := r.settle(ctx); err != nil {
		return err
	}
	m := &r.meter
	if m.broker == nil {
		r.note(noPID)
		return nil
	}
	from, begun := proc.Usage{}, r.now()
	var err error
	if from, err = m.broker.Read(); err != nil {
		return err
	}
	if err := r.pause(ctx, r.cfg.Duration); err != nil {
		return err
	}
	to, err := m.broker.Read()
	if err != nil {
		return err
	}
	r.costs(n, from, to, r.now()-begun)
	if all := proc.ThisMachine().Memory; all > 0 {
		r.figure("memory share", 100*float64(to.RSS)/float64(all), "% of the machine's", true)
	}
	return nil
}
