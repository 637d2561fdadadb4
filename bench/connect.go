package bench

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/penstock-mqtt/penstock/bench/internal/hist"
)

// connect opens connections and ends them again: CONNECT, CONNACK, DISCONNECT. In a closed loop each client begins anew
// when its connection has ended; at Config.ConnectRate they begin when they are due, if one is free.
var connect = Scenario{
	Name:    "connect",
	Summary: "connections that come and go: CONNECT, CONNACK, DISCONNECT",
	Default: Config{Clients: 50},
	Check: func(c *Config) error {
		return within("clients", c.Clients, 1, 1_000_000, "so many are open at a time, at most")
	},
	run: runConnect,
}

// churn is the scenario at work. A client is either in free or has its start in since.
type churn struct {
	r     *run
	since map[*client]time.Duration // when each was to begin; a lane's clients are its own
	took  []hist.Recorder           // by lane: from there to CONNACK
	free  chan *client              // with a rate only
	over  atomic.Bool
}

// manySources is for a source address having some 28,000 ports, each of which stays in use for a while after the end.
const manySources = 64

func runConnect(ctx context.Context, r *run) error {
	c := &r.cfg
	r.sources = manySources
	ch := &churn{r: r, took: make([]hist.Recorder, len(r.lanes))}
	starts := make([]map[*client]time.Duration, len(r.lanes))
	for i := range starts {
		starts[i] = make(map[*client]time.Duration)
	}
	for i := range c.Clients {
		k := r.client(i, numbered("client", i))
		since := starts[k.lane.index]
		k.onUp = func(k *client) {
			ch.took[k.lane.index].Add(int64((r.now() - since[k]) / time.Microsecond))
			k.leave()
		}
		k.onDown = func(k *client, _ error) {
			switch {
			case ch.free != nil:
				ch.free <- k // has room for all
			case !ch.over.Load():
				since[k] = r.now()
				k.dial()
			}
		}
	}
	if err := r.launch(); err != nil {
		return err
	}
	begin := func(k *client, at time.Duration) {
		k.lane.loop.Post(func() { starts[k.lane.index][k] = at; k.dial() })
	}
	ended := make(chan struct{})
	if c.ConnectRate > 0 {
		ch.free = make(chan *client, len(r.clients))
		for _, k := range r.clients {
			ch.free <- k
		}
		go func() { defer close(ended); ch.pace(c.ConnectRate, begin) }()
	} else {
		close(ended)
		for _, k := range r.clients {
			begin(k, r.now())
		}
	}
	err := ch.count(ctx)
	ch.over.Store(true)
	<-ended
	if err != nil {
		return err
	}
	return r.whileMoving(ctx, c.Drain, func() (int64, bool) {
		left := r.counts().connected
		return left, left == 0
	})
}

// pace begins connections when they are due. When none is free it waits, and what was due meanwhile is charged for it.
func (ch *churn) pace(rate float64, begin func(*client, time.Duration)) {
	every := time.Duration(float64(time.Second) / rate)
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for due := ch.r.now(); !ch.over.Load(); <-ticker.C {
		for now := ch.r.now(); due <= now; due += every {
			select {
			case k := <-ch.free:
				begin(k, due)
				continue
			default:
			}
			break
		}
	}
}

// count warms up and counts.
func (ch *churn) count(ctx context.Context) error {
	r := ch.r
	r.enter("warm-up", r.cfg.Warmup)
	if err := r.pause(ctx, r.cfg.Warmup); err != nil {
		return err
	}
	if err := r.begin(); err != nil {
		return err
	}
	r.total.connects.Reset()
	r.each(func(ln *lane) { ch.took[ln.index].Swap(nil) })
	if err := r.pause(ctx, r.cfg.Duration); err != nil {
		return err
	}
	cycles := float64(r.counts().answered - r.start0.answered)
	if err := r.end(); err != nil {
		return err
	}
	all := hist.New()
	r.each(func(ln *lane) { all.Merge(ch.took[ln.index].Swap(nil)) })
	r.figure("connections", cycles/r.report.Elapsed.Seconds(), "1/s", false)
	r.perUnit("connection", cycles)
	if p := percentiles(all); p != nil {
		name := "begin to CONNACK"
		if r.cfg.ConnectRate > 0 {
			name = "intended begin to CONNACK"
		}
		r.figure(name+", p50", millis(p.P50), "ms", true)
		r.figure(name+", p99", millis(p.P99), "ms", true)
	}
	return nil
}
