package crash

import (
	"fmt"
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
	Size       int           // of most payloads; 0: about fifty bytes
	Hoarders   int           // beside publishers: so many who stay away until Release, and one who listens; 0: all sorts
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

	hoarding atomic.Bool // hoarders stay away

	pubs    []*publisher
	subs    []*subscriber
	wills   *wills
	others  []func()
	work    sync.WaitGroup // publishers
	ears    sync.WaitGroup // all others
	senders atomic.Int32   // publishers that are at work
	hearers atomic.Int32   // subscribers that are

	turnedAway atomic.Int64 // CONNECTs answered with ServerUnavailable
	hearing    sync.RWMutex // held for reading while a packet is taken
	cuts       int          // guarded by hearing
	mu         sync.Mutex
	conns      map[*rig.Conn]struct{}
	away       map[mqtt.Reason]int // DISCONNECTs by reason
}

// Launch makes the clients' sessions and lets them go on at random. addr is where the broker is, host and port.
func Launch(plan Plan, addr func() string) *Fleet {
	f := &Fleet{Ledger: NewLedger(), plan: plan, addr: addr, conns: map[*rig.Conn]struct{}{}, away: map[mqtt.Reason]int{}}
	f.hoarding.Store(true)
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
	for _, run := range f.others {
		f.ears.Go(run)
	}
	return f
}

// Release lets the hoarders come and take what is theirs.
func (f *Fleet) Release() { f.hoarding.Store(false) }

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

// Cut ends all connections at once, as a broker's end does. Nothing that came on them is taken afterwards.
func (f *Fleet) Cut() {
	f.mu.Lock()
	for c := range f.conns {
		c.Cut()
	}
	clear(f.conns)
	f.mu.Unlock()
	f.hearing.Lock() // who was about to take something has done so
	f.cuts++
	f.hearing.Unlock()
}

// hear takes a packet, if its connection is not cut.
func (f *Fleet) hear(c *rig.Conn, take func()) (open bool) {
	f.hearing.RLock()
	defer f.hearing.RUnlock()
	f.mu.Lock()
	_, open = f.conns[c]
	f.mu.Unlock()
	if open {
		take()
	}
	return open
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
