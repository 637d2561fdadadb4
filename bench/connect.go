package bench

import (
	"context"
	"time"

	"github.com/penstock-mqtt/penstock/bench/internal/hist"
)

// connect opens connections and ends them again: the handshakes of TLS and WebSocket, CONNECT, CONNACK, DISCONNECT. In a closed loop each client begins anew
// when its connection has ended; at Config.ConnectRate they begin when they are due, or as soon as one is free.
var connect = Scenario{
	Name:    "connect",
	Summary: "connections that come and go: CONNECT, CONNACK, DISCONNECT",
	Default: Config{Clients: 50},
	Check: func(c *Config) error {
		return within("clients", c.Clients, 1, 1_000_000, "so many are open at a time, at most")
	},
	run: runConnect,
}

// turnstile is a lane's part of it, touched on the lane only.
type turnstile struct {
	lane    *lane
	paced   bool
	over    bool
	since   map[*client]time.Duration // when each was to begin
	took    hist.Recorder             // µs from there to CONNACK
	free    []*client                 // paced: without a connection
	waiting []time.Duration           // paced: due while none was free
}

// manySources is for a source address having some 28,000 ports, each of which stays in use for a while after its end.
const manySources = 64

func runConnect(ctx context.Context, r *run) error {
	r.sources = manySources
	gates := make([]*turnstile, len(r.lanes))
	for i, ln := range r.lanes {
		gates[i] = &turnstile{lane: ln, paced: r.cfg.ConnectRate > 0, since: make(map[*client]time.Duration)}
	}
	for i := range r.cfg.Clients {
		k := r.client(i, numbered("client", i))
		ts := gates[k.lane.index]
		k.onUp, k.onDown = ts.up, ts.down
		ts.free = append(ts.free, k)
	}
	if err := r.launch(); err != nil {
		return err
	}
	r.needPacer()
	r.each(func(ln *lane) { gates[ln.index].start() })
	if err := r.countVisits(ctx, gates); err != nil {
		return err
	}
	r.stop()
	waiting := 0
	r.each(func(ln *lane) {
		gates[ln.index].over = true
		waiting += len(gates[ln.index].waiting)
	})
	if waiting > 0 {
		r.figure("due and never begun", float64(waiting), "connections", true)
		r.note("%d connections were due when the load ended and had not begun, for want of a client that was free: the broker did not keep up, or there were too few clients", waiting)
	}
	return r.whileMoving(ctx, r.cfg.Drain, func() (int64, bool) {
		left := r.counts().connected
		return left, left == 0
	})
}

// start begins a connection with every client of a closed loop, or the lane's share of the rate.
func (ts *turnstile) start() {
	r, ln := ts.lane.r, ts.lane
	if !ts.paced {
		for _, k := range ts.free {
			ts.begin(k, r.now())
		}
		return
	}
	share := r.cfg.ConnectRate * float64(len(ts.free)) / float64(len(r.clients))
	if share == 0 {
		return
	}
	ln.schedules = append(ln.schedules, &schedule{begin: ts.due, every: 1e9 / share, start: r.now()})
	ln.nextDue = 0
	ln.pace()
}

func (ts *turnstile) begin(k *client, at time.Duration) {
	ts.since[k] = at
	if ts.paced {
		ts.lane.late.Add(int64((ts.lane.r.now() - at) / time.Microsecond))
	}
	k.dial()
}

func (ts *turnstile) due(at time.Duration) {
	last := len(ts.free) - 1
	if last < 0 {
		ts.waiting = append(ts.waiting, at)
		return
	}
	k := ts.free[last]
	ts.free = ts.free[:last]
	ts.begin(k, at)
}

func (ts *turnstile) up(k *client) {
	ts.took.Add(int64((ts.lane.r.now() - ts.since[k]) / time.Microsecond))
	k.leave()
}

func (ts *turnstile) down(k *client, _ error) {
	switch {
	case ts.over:
	case !ts.paced:
		ts.begin(k, ts.lane.r.now())
	case len(ts.waiting) > 0:
		at := ts.waiting[0]
		ts.waiting = ts.waiting[1:]
		ts.begin(k, at)
	default:
		ts.free = append(ts.free, k)
	}
}

// countVisits warms up and counts.
func (r *run) countVisits(ctx context.Context, gates []*turnstile) error {
	r.enter("warm-up", r.cfg.Warmup)
	if err := r.pause(ctx, r.cfg.Warmup); err != nil {
		return err
	}
	if err := r.begin(); err != nil {
		return err
	}
	r.total.connects.Reset()
	r.each(func(ln *lane) { gates[ln.index].took.Swap(nil) })
	shaken := r.handshakes()
	if err := r.pause(ctx, r.cfg.Duration); err != nil {
		return err
	}
	cycles := float64(r.counts().answered - r.start0.answered)
	if err := r.end(); err != nil {
		return err
	}
	all := hist.New()
	r.each(func(ln *lane) { all.Merge(gates[ln.index].took.Swap(nil)) })
	r.figure("connections", cycles/r.report.Elapsed.Seconds(), "1/s", false)
	r.handshakeFigures(shaken)
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
