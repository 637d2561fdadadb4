package bench

import (
	"runtime"

	"github.com/penstock-mqtt/penstock/bench/internal/proc"
)

// maxSamples is how many faults a report puts into words.
const maxSamples = 20

// finish ends all connections, checks what everybody has received and fills in the report.
func (r *run) finish() {
	if r.group != nil {
		r.each(func(ln *lane) {
			for _, k := range r.clients {
				if k.lane == ln {
					k.leave()
				}
			}
		})
		r.last = r.collect()
	}
	r.close() // from here on nobody else touches the lanes
	if r.drained {
		r.balance()
	}
	rep, allowed, unsent := r.report, uint64(0), uint64(0)
	for _, ln := range r.lanes {
		ln.faults.addTo(&rep.Faults)
		rep.TotalSent += ln.sent
		rep.TotalDelivered += ln.delivered
		rep.Redelivered += ln.redelivered
		if rep.Transport == "" {
			rep.Transport = ln.secured
		}
		allowed += ln.allowed
		unsent += ln.unsent
	}
	if allowed > 0 {
		r.figure("losses at QoS 0 that were allowed", float64(allowed), "messages", true)
	}
	if unsent > 0 {
		r.figure("due and never sent", float64(unsent), "messages", true)
		r.note("the broker did not keep up with the rate: %d messages were due when the load ended and had not been sent, and no latency speaks of them", unsent)
	}
	if len(rep.Faults.Samples) > maxSamples {
		rep.Faults.Samples = rep.Faults.Samples[:maxSamples]
	}
	if s := rep.Elapsed.Seconds(); s > 0 {
		rep.SendRate, rep.Rate = float64(rep.Sent)/s, float64(rep.Delivered)/s
	}
	rep.Latency, rep.Load.Late = percentiles(r.total.latency), percentiles(r.total.late)
	rep.Ack = percentiles(r.total.acks)
	rep.Connect, rep.Subscribe = percentiles(r.total.connects), percentiles(r.total.subscribes)
	rep.Handshakes = r.handshakes()
	r.meter.report()
	r.environment()
	if c := &r.cfg; rep.Faults.Lost > 0 && c.QoS > 0 && c.Window > 0 && !c.AwaitAll {
		r.note("messages were lost at QoS %d while publishers waited for acknowledgements only: a queue of the broker may have been full; with AwaitAll they wait for deliveries, too", c.QoS)
	}
	if rep.Load.Limit {
		r.note("the generator was the limit: its loops worked all the time, and the broker may be faster than this says")
	}
}

// close ends the loops.
func (r *run) close() {
	r.over.Store(true)
	if r.group != nil {
		r.group.Stop()
	}
}

// balance counts what is missing. The lanes have ended.
func (r *run) balance() {
	for _, k := range r.clients {
		k.ledger.all(func(t *track) { k.lane.missing(t, k.id) })
		k.unreleased()
		for _, f := range k.feeds {
			k.lane.faults.notes(stalled, uint64(f.open), "%s: %d exchanges of QoS %d were not ended", k.id, f.open, f.qos)
		}
	}
	for _, g := range r.groups {
		g.ledger.all(func(t *track) { t.of.feed.c.lane.missing(t, "the group") })
	}
}

// unreleased counts the exchanges of QoS 2 that the broker has left open, once.
func (k *client) unreleased() {
	k.lane.faults.notes(stalled, uint64(k.in.open), "%s: %d exchanges of QoS 2 were not released", k.id, k.in.open)
	k.lane.unreleased -= int64(k.in.open)
	k.in = inbox{}
}

// missing counts what is missing of one stream at one receiver. Behind the last that came it may be on its way still, but
// for QoS 0 there is nothing that would bring it.
func (ln *lane) missing(t *track, who string) {
	gone, tail := t.end(t.of.sent)
	if t.qos == 0 && (t.aside || ln.r.cfg.AllowLoss) {
		ln.allowed += gone + tail
		return
	}
	ln.faults.notes(lost, gone, "stream %d: %s did not get %d of %d, and did get later ones", t.id, who, gone, t.of.sent)
	ln.faults.notes(stalled, tail, "stream %d: %s did not get the last %d of %d", t.id, who, tail, t.of.sent)
	if t.qos == 0 {
		ln.faults.counts[lost] += tail // said already
	}
}

// cores are those that Go may use, before loops want more.
var cores = runtime.GOMAXPROCS(0)

// environment says where the run took place.
func (r *run) environment() {
	m, env := proc.ThisMachine(), &r.report.Env
	env.Host, env.CPU, env.Cores, env.Memory, env.Kernel = m.Host, m.CPU, cores, m.Memory, m.Kernel
	env.OS, env.Go, env.GOGC = m.OS, m.Go, m.GOGC
	env.Version = version()
	env.Broker = r.brokerVersion()
}
