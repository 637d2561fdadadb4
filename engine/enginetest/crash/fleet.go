package crash

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
)

// Plan is what kind of fleet it is.
type Plan struct {
	Seed       uint64
	Publishers int
	Window     int           // messages that a publisher has open at most
	Pace       time.Duration // how long a publisher listens before it sends on
	Patience   time.Duration // how long anything that is owed may take, after the last crash
}

// NewPlan is a fleet of ordinary size.
func NewPlan(seed uint64) Plan {
	return Plan{Seed: seed, Publishers: 5, Window: 8, Pace: 3 * time.Millisecond, Patience: rig.Patience}
}

// Fleet is the clients of one broker, wherever it is at the moment.
type Fleet struct {
	Ledger *Ledger

	plan  Plan
	addr  func() string
	quiet atomic.Bool // nothing new is begun
	last  atomic.Bool // subscribers come back once more
	over  atomic.Bool // everybody leaves

	pubs    []*publisher
	subs    []*subscriber
	wills   *wills
	work    sync.WaitGroup // publishers
	ears    sync.WaitGroup // all others
	senders atomic.Int32   // publishers that are at work
	hearers atomic.Int32   // subscribers that are

	turnedAway atomic.Int64 // CONNECTs answered with ServerUnavailable
	mu         sync.Mutex
	conns      map[*rig.Conn]struct{}
	away       map[mqtt.Reason]int // DISCONNECTs by reason
}

// Launch makes the clients' sessions and lets them go on at random. addr is where the broker is, host and port.
func Launch(plan Plan, addr func() string) *Fleet {
	f := &Fleet{Ledger: NewLedger(), plan: plan, addr: addr, conns: map[*rig.Conn]struct{}{}, away: map[mqtt.Reason]int{}}
	f.man()
	var ready sync.WaitGroup
	for _, s := range f.subs {
		ready.Go(func() { s.assure() })
	}
	for _, p := range f.pubs {
		ready.Go(func() { p.assure() })
	}
	ready.Wait()
	for _, s := range f.subs {
		f.hearers.Add(1)
		f.ears.Go(func() { defer f.hearers.Add(-1); s.run() })
	}
	for _, p := range f.pubs {
		f.senders.Add(1)
		f.work.Go(func() { defer f.senders.Add(-1); p.run() })
	}
	f.ears.Go(f.wills.run)
	for i := range 2 {
		r := &reader{device: f.device(fmt.Sprint("reader", i))}
		f.ears.Go(r.run)
		m := &mayfly{device: f.device(fmt.Sprint("mayfly", i))}
		f.ears.Go(m.run)
	}
	return f
}

func (f *Fleet) device(id string) device {
	n := uint64(0)
	for _, c := range []byte(id) {
		n = n*131 + uint64(c)
	}
	rng := rand.New(rand.NewPCG(f.plan.Seed, n))
	return device{f: f, id: id, rng: rng, v: pick(rng, []mqtt.Version{mqtt.V31, mqtt.V311, mqtt.V311, mqtt.V5, mqtt.V5})}
}

// man makes the clients.
func (f *Fleet) man() {
	for i := range f.plan.Publishers {
		p := &publisher{device: f.device(fmt.Sprint("pub", i)), frugal: i%2 == 1}
		p.source = f.Ledger.publisher(p.id)
		f.pubs = append(f.pubs, p)
	}
	sub := func(name string, wants ...want) *subscriber {
		s := &subscriber{device: f.device(name), wants: wants}
		f.subs = append(f.subs, s)
		return s
	}
	sub("all", want{"d/#", 2})
	sub("all1", want{"d/#", 1})
	sub("overlap", want{"d/#", 1}, want{"d/+/2/#", 2}, want{"d/+/+/a", 2})
	for i := range 2 {
		sub(fmt.Sprint("one", i), want{fmt.Sprintf("d/%d/#", i), 2})
	}
	for _, g := range []want{{"$share/g/d/#", 2}, {"$share/h/d/+/1/#", 1}} {
		members := newGroup(g.filter)
		for i := range 3 {
			sub(fmt.Sprint("member-", g.filter[7:8], i), g).group = members
		}
	}
	for i := range 2 {
		sub(fmt.Sprint("fickle", i), want{"d/0/#", 2}).fickle = []want{{"d/1/+/a", 2}, {"d/2/#", 1}, {"d/+/+/b", 2}, {"d/+/1/#", 1}}
		s := sub(fmt.Sprint("reborn", i), want{fmt.Sprintf("d/%d/#", i), 2})
		s.reborn, s.v = true, mqtt.V5
	}
	sub("heir", want{"w/#", 2})
	f.wills = newWills(f)
}

// join enters a connection.
func (f *Fleet) join(c *rig.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conns[c] = struct{}{}
}

// leave closes a connection.
func (f *Fleet) leave(c *rig.Conn) {
	f.mu.Lock()
	delete(f.conns, c)
	f.mu.Unlock()
	_ = c.Close()
}

// Cut ends all connections at once, as a broker's end does.
func (f *Fleet) Cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.conns {
		c.Cut()
	}
	clear(f.conns)
}

func (f *Fleet) sentAway(r mqtt.Reason) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.away[r]++
}

// SentAway is how many DISCONNECTs have come with a reason.
func (f *Fleet) SentAway(r mqtt.Reason) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.away[r]
}

// TurnedAway is how many CONNECTs were answered with 0x88, or the 0x03 of 3.x.
func (f *Fleet) TurnedAway() int { return int(f.turnedAway.Load()) }

// wait waits, but not beyond the end.
func (f *Fleet) wait(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end) && !f.over.Load() && !f.quiet.Load(); {
		time.Sleep(min(5*time.Millisecond, time.Until(end)+1))
	}
}

// Drain has everybody finish what was begun and waits until all that is owed has arrived. What does not come is a fault.
func (f *Fleet) Drain() {
	f.quiet.Store(true)
	if !f.await(func() bool { return f.senders.Load() == 0 }) {
		f.Ledger.Fault(Stuck, "%d publishers wait for acknowledgements", f.senders.Load())
	}
	var missing []string
	if !f.await(func() bool { missing = f.Ledger.missing(); return len(missing) == 0 }) {
		for _, text := range missing {
			f.Ledger.Fault(Lost, "%s", text)
		}
	}
}

// End has everybody leave, and gives all faults. Before, each subscriber comes back once more and hears all that the broker
// has for it, so that nothing is repeated that should not be.
func (f *Fleet) End() []Fault {
	f.quiet.Store(true)
	f.last.Store(true)
	if !f.await(func() bool { return f.hearers.Load() == 0 }) {
		f.Ledger.Fault(Stuck, "%d subscribers wait for answers", f.hearers.Load())
	}
	f.over.Store(true)
	f.work.Wait()
	f.ears.Wait()
	f.Cut()
	return f.Ledger.Faults()
}

// await waits for a condition for as long as the plan has patience.
func (f *Fleet) await(cond func() bool) bool {
	for end := time.Now().Add(f.plan.Patience); !cond(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// Name is the faults as a text, each once.
func Name(faults []Fault) string {
	var lines []string
	for _, f := range faults {
		if s := f.String(); !slices.Contains(lines, s) {
			lines = append(lines, s)
		}
		if len(lines) == 20 {
			lines = append(lines, fmt.Sprintf("and others, %d altogether", len(faults)))
			break
		}
	}
	return strings.Join(lines, "\n")
}

// username is what a client says its name is.
func username(clientID string) string { return "u-" + clientID }

// Principal is who an authenticated client is.
func Principal(username string) string { return "principal of " + username }
