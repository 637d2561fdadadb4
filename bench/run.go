package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/penstock-mqtt/penstock/bench/internal/loop"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// Run runs one scenario and returns what was seen. An error says that there is nothing to report, or, with a report, why
// the run ended early; faults of the broker are no error but Report.Faults. It ends early with ctx.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	cfg, err := cfg.Resolve()
	if err != nil {
		return nil, err
	}
	r, err := newRun(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer r.close()
	s, _ := scenarioNamed(cfg.Scenario)
	err = s.run(ctx, r)
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	r.wipe(r.left())
	r.finish()
	if err != nil {
		err = fmt.Errorf("%s: %w", cfg.Scenario, err)
	}
	return r.report, err
}

// run is one run under way. A scenario
//
//   - makes its clients, feeds, streams and expectations with client, feed, stream, expect and group,
//   - and calls play, which connects, subscribes, warms up, measures, drains and checks; or, when it is of another kind,
//     the steps connect, subscribe, start, measure, stop, drain, in an order of its own, with do and await in between.
//
// It belongs to the goroutine of Run. Lanes belong to their loops, and it reaches them by do only. Everything made before
// connect may be touched by it until then.
type run struct {
	cfg    Config
	report *Report
	epoch  time.Time
	addr   netip.AddrPort // unless it is a unix socket
	to     address
	layers *loop.Layers // nil for MQTT on the socket itself
	peer   mqtt.Peer    // the broker, as the codec wants to know it
	seal   *seal

	group *loop.Group   // from the first connect on
	skew  time.Duration // what our clock is ahead of its
	lanes []*lane

	clients []*client
	feeds   []*feed
	streams []*stream
	groups  []*group

	open     int         // connections at a time, when they are fewer than its clients
	sources  int         // addresses to come from, when the scenario knows better than the number of its clients
	over     atomic.Bool // set before the loops end: what is lost then is no fault
	together bool        // everybody stays connected to the end
	paced    bool
	drained  bool
	answered uint64 // CONNACKs when counting ended
	step     latch  // what connect and subscribe wait for

	meter meter
	phase string
	ends  time.Duration // when the phase is over, in time of the run; 0: nobody knows
	begun time.Duration // when counting began
	shown time.Duration // when the last sample was taken

	last   reading  // the sums of the last reading
	start0 counters // when counting began
	total  totals
}

// newRun prepares a run: nothing is connected yet.
func newRun(ctx context.Context, cfg Config) (*run, error) {
	to, err := parseAddress(cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("addr: %w", err)
	}
	var addr netip.AddrPort
	if to.unix == "" {
		if addr, err = resolve(ctx, to.host, to.port); err != nil {
			return nil, fmt.Errorf("addr: %w", err)
		}
	}
	layers, err := cfg.layers(&to)
	if err != nil {
		return nil, err
	}
	r := &run{
		cfg: cfg, to: to, addr: addr, layers: layers, epoch: time.Now(),
		peer:   mqtt.Peer{Version: cfg.Version, Server: true},
		seal:   newSeal(rand.Uint64(), cfg.Payload),
		report: &Report{Config: cfg, Started: time.Now()},
	}
	for i := range cfg.Threads {
		r.lanes = append(r.lanes, &lane{r: r, index: i, reach: make([][]*feed, cfg.Threads)})
	}
	r.total, r.phase = newTotals(), "connect"
	r.step.news = make(chan struct{}, 1)
	if err := r.meter.open(r); err != nil {
		return nil, err
	}
	return r, nil
}

// resolve turns host and port into an address, once: every connection goes to the same.
func resolve(ctx context.Context, host, port string) (netip.AddrPort, error) {
	n, err := net.DefaultResolver.LookupPort(ctx, "tcp", port)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if host == "" {
		host = "localhost"
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	best := found[0].Unmap()
	for _, ip := range found {
		if ip = ip.Unmap(); ip.Is4() { // brokers that listen on one family mostly listen on this
			best = ip
			break
		}
	}
	return netip.AddrPortFrom(best, uint16(n)), nil
}

// now is the time of the run.
func (r *run) now() time.Duration { return time.Since(r.epoch) }

// micros is the time of the run in microseconds; it goes round after 71 minutes, so only differences mean anything.
func (r *run) micros() uint32 { return uint32(r.now() / time.Microsecond) }

// client makes a client that will be on the i-th lane, counted round. Two with the same i share a lane, which spares them
// a hop when one publishes to the other. Its identifier tells it from those of other runs.
func (r *run) client(i int, name string) *client {
	k := &client{id: fmt.Sprintf("bench-%04x-%s", uint16(r.seal.key), name), lane: r.lanes[i%len(r.lanes)]}
	if r.cfg.TLSResume {
		k.ticket = new(ticket)
	}
	r.clients = append(r.clients, k)
	return k
}

// numbered is a name for the i-th of a kind.
func numbered(kind string, i int) string { return kind + strconv.Itoa(i) }

// topic makes a topic name or filter of the run: below two levels that no other run has.
func (r *run) topic(format string, args ...any) string {
	return fmt.Sprintf("bench/%04x/", uint16(r.seal.key)) + fmt.Sprintf(format, args...)
}

// feed gives a client something to publish, at one QoS; streams are added to it. In a closed loop Config.Window bounds it,
// in an open one a schedule made by pace.
func (r *run) feed(k *client, qos byte) *feed {
	f := &feed{c: k, qos: qos, closed: r.cfg.Rate == 0, awaitAll: r.cfg.AwaitAll, window: uint32(max(r.cfg.Window, 1)), off: true}
	if !f.closed {
		f.window = maxWindow
	}
	k.feeds = append(k.feeds, f)
	r.feeds = append(r.feeds, f)
	return f
}

// stream adds a stream to a feed: messages to a topic, with payloads of Config.Payload bytes unless size is not 0.
func (r *run) stream(f *feed, topic string, size int) *stream {
	if size == 0 {
		size = r.cfg.Payload
	}
	if size+fillPhases > len(r.seal.fill) {
		r.seal = newSeal(r.seal.key, size)
	}
	s := &stream{
		id: uint32(len(r.streams)), topic: []byte(topic), qos: f.qos, size: size, feed: f, place: uint32(len(f.streams)),
	}
	f.streams = append(f.streams, s)
	r.streams = append(r.streams, s)
	return s
}

// expect says that a client is to receive every message of a stream, once, in order, at the lower of the stream's QoS and
// that of the subscription. What is not expected is a fault.
func (r *run) expect(k *client, s *stream, subscribed byte) *track {
	t := &track{of: s, id: s.id, qos: min(s.qos, subscribed)}
	k.ledger.add(t)
	r.owe(s, k.lane)
	return t
}

// expectAside is expect for a receiver whose deliveries are counted apart: nobody waits for them, and at QoS 0 losing them
// is no fault.
func (r *run) expectAside(k *client, s *stream, subscribed byte) *track {
	t := &track{of: s, id: s.id, qos: min(s.qos, subscribed), aside: true}
	k.ledger.add(t)
	return t
}

// share makes a shared subscription of the clients.
func (r *run) share(members []*client) *group {
	g := new(group)
	for _, k := range members {
		g.join(k)
	}
	r.groups = append(r.groups, g)
	return g
}

// expectShared says that one member of the group is to receive each message of a stream.
func (r *run) expectShared(g *group, s *stream, subscribed byte) *track {
	t := &track{of: s, id: s.id, qos: min(s.qos, subscribed)}
	g.ledger.add(t)
	r.owe(s, nil)
	return t
}

func (r *run) owe(s *stream, on *lane) {
	s.owed++
	s.fan++
	if len(r.lanes) > 1 && on != s.feed.c.lane {
		s.feed.crosses = true
	}
}

// do runs f on a lane and waits for it.
func (r *run) do(ln *lane, f func()) {
	done := make(chan struct{})
	if ln.loop != nil && ln.loop.Post(func() { f(); close(done) }) {
		<-done
	}
}

// each runs f on all lanes, one after the other.
func (r *run) each(f func(ln *lane)) {
	for _, ln := range r.lanes {
		r.do(ln, func() { f(ln) })
	}
}

// beside runs f on a goroutine of its own while the run does something that takes its time, such as measure.
func (r *run) beside(ctx context.Context, f func(context.Context), do func(context.Context) error) error {
	during, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(during)
	}()
	err := do(ctx)
	stop()
	<-done
	return err
}

// figure adds a number of the scenario's own to the report.
func (r *run) figure(name string, value float64, unit string, less bool) {
	r.report.Figures = append(r.report.Figures, Figure{Name: name, Value: value, Unit: unit, Less: less})
}

// note adds what a reader has to know.
func (r *run) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for _, n := range r.report.Notes {
		if strings.EqualFold(n, text) {
			return
		}
	}
	r.report.Notes = append(r.report.Notes, text)
}
