package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/penstock-mqtt/penstock/bench/internal/proc"
)

// idle connects clients with one subscription each and holds them. Memory is read Config.Warmup after the last SUBSCRIBE,
// and CPU is that of Config.Duration from then on.
var idle = Scenario{
	Name:    "idle",
	Summary: "connections with one subscription each, held: what they cost when nothing happens",
	Default: Config{Clients: 10_000, Warmup: 30 * time.Second, Duration: 10 * time.Second},
	Check: func(c *Config) error {
		return within("clients", c.Clients, 1, 10_000_000, "they are what is held")
	},
	run: runIdle,
}

func runIdle(ctx context.Context, r *run) error {
	for i := range r.cfg.Clients {
		k := r.client(i, numbered("client", i))
		k.filters = []filter{{r.topic("idle/%d", i), r.cfg.QoS}}
	}
	from := r.now()
	if err := r.connect(ctx, r.clients...); err != nil {
		return err
	}
	r.figure("connections opened", float64(len(r.clients))/(r.now()-from).Seconds(), "1/s", false)
	if err := r.subscribe(ctx, r.clients...); err != nil {
		return err
	}
	if err := r.settle(ctx); err != nil {
		return err
	}
	if err := r.begin(); err != nil {
		return err
	}
	if err := r.pause(ctx, r.cfg.Duration); err != nil {
		return err
	}
	if err := r.end(); err != nil {
		return err
	}
	m := &r.meter
	if m.broker == nil {
		r.note(noPID)
		return nil
	}
	r.costs(len(r.clients), m.from.broker, m.to.broker, r.report.Elapsed)
	return nil
}

const noPID = "memory and CPU are the broker's: without its pid they are not known"

// settle gives the broker time to come to rest.
func (r *run) settle(ctx context.Context) error {
	r.enter("settle", r.cfg.Warmup)
	return r.pause(ctx, r.cfg.Warmup)
}

// costs tells what n connections cost that were held from one reading to the other.
func (r *run) costs(n int, from, to proc.Usage, elapsed time.Duration) {
	before := r.meter.before
	r.figure("memory per connection", (float64(from.RSS)-float64(before))/float64(n), "B", true)
	r.figure("idle CPU", 100*float64(to.CPU-from.CPU)/float64(elapsed), "% of a core", true)
	pings := "without keep alive"
	if r.cfg.KeepAlive > 0 {
		pings = fmt.Sprintf("with a keep alive of %v, pinged after three quarters of it", r.cfg.KeepAlive)
	}
	r.note("memory is RSS beyond the %.1f MB before the first connection, read after %v at rest, %s; a broker that has worked before has memory to use again, so start it fresh",
		float64(before)/1e6, r.cfg.Warmup, pings)
}
