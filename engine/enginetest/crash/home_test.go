package crash

import (
	"context"
	"flag"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
)

var (
	firstSeed = flag.Uint64("crash.seed", 0, "seed of the first round; 0: a random one")
	lasting   = flag.Duration("crash.for", 0, "repeat each test with new seeds for so long, and print what happened")
)

// home is where brokers live, one after the other, on the same store.
type home struct {
	t    *testing.T
	cfg  engine.Config
	addr atomic.Value // string
	open func() *gate // the store as it is after the last crash

	rng *rand.Rand

	stall func() // commits come to a stop

	b *rig.Broker
	g *gate
}

func newHome(t *testing.T, seed uint64, loops int) *home {
	return &home{t: t, cfg: config(loops), rng: rand.New(rand.NewPCG(seed, 1))}
}

// pause lets the clients go on for a while.
func (h *home) pause() { time.Sleep(time.Duration(20+h.rng.IntN(180)) * time.Millisecond) }

// settle starts a broker.
func (h *home) settle() {
	h.t.Helper()
	h.g = h.open()
	h.b = rig.Start(h.t, h.cfg, engine.Parts{Store: h.g, Authenticator: Registrar{}, Authorizer: Registrar{}})
	h.addr.Store(h.b.Addr)
}

func (h *home) address() string { return h.addr.Load().(string) }

// crash ends the broker as a power cut would, and starts another one. cut is called between the two. Before it, the store
// may come to a stop for a while, so that what the broker says too early is heard.
func (h *home) crash(f *Fleet, synced int64, cut func()) {
	h.t.Helper()
	if h.rng.IntN(2) == 0 {
		h.stall()
		nap(h.rng, 30)
	}
	h.g.kill()
	if cut != nil {
		cut()
	}
	h.addr.Store(nowhere)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		h.b.Stop()
	}()
	for over := false; !over; {
		f.Cut() // those, too, who were on their way
		select {
		case <-stopped:
			over = true
		case <-time.After(10 * time.Millisecond):
		}
	}
	f.Cut()
	f.Ledger.Crashed(synced)
	_ = h.g.Store.Close(gone)
	h.settle()
	h.principals()
}

// nowhere is an address at which nobody listens.
const nowhere = "127.0.0.1:1"

// gone is a context that is over.
var gone = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// principals looks whether each session is still its owner's.
func (h *home) principals() {
	h.t.Helper()
	for _, c := range h.clients() {
		if want := Principal(username(c.ClientID)); c.Principal != want {
			h.t.Errorf("the session of %s belongs to %q, want %q", c.ClientID, c.Principal, want)
		}
	}
}

// idle waits until no session of the broker has anything left to deliver. The heir may have left before a will came, and a
// member of a shared subscription before another one left, whose unacknowledged messages it got.
func (h *home) idle() {
	h.t.Helper()
	var busy []string
	if !rig.Eventually(func() bool {
		busy = nil
		for _, c := range h.clients() {
			if c.Inflight+c.Queued > 0 && c.ClientID != "heir" && !strings.HasPrefix(c.ClientID, "member-") {
				busy = append(busy, c.ClientID)
			}
		}
		return len(busy) == 0
	}) {
		h.t.Errorf("everything has arrived, and the broker still has something for %v", busy)
	}
}

// forward puts the broker's clock ahead, when it has seen these clients go.
func (h *home) forward(d time.Duration, away []string) {
	h.t.Helper()
	if !rig.Eventually(func() bool {
		return !slices.ContainsFunc(h.clients(), func(c engine.Client) bool { return c.Connected && slices.Contains(away, c.ClientID) })
	}) {
		h.t.Errorf("the broker takes some of %v for connected", away)
	}
	h.b.Advance(d)
}

// clients are all that the broker knows.
func (h *home) clients() []engine.Client {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), rig.Patience)
	defer cancel()
	page, err := h.b.Clients(ctx, engine.ClientQuery{Limit: 1000})
	if err != nil {
		h.t.Fatal(err)
	}
	return page.Clients
}

// config is that of a broker which drops nothing.
func config(loops int) engine.Config {
	c := rig.Config(loops)
	Unbounded(&c)
	return c
}

// seeded runs a round for each seed: one, or more for as long as the command line says.
func seeded(t *testing.T, round func(t *testing.T, seed uint64) Counts) {
	t.Helper()
	seed, end := *firstSeed, time.Now().Add(*lasting)
	var sum Counts
	rounds, failed := 0, 0
	for rounds == 0 || time.Now().Before(end) {
		if seed == 0 || rounds > 0 {
			seed = rand.Uint64()
		}
		ok := t.Run("", func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("seed %d", seed)
				}
			}()
			sum.Add(round(t, seed))
		})
		if rounds++; !ok {
			failed++
		}
	}
	t.Logf("%d rounds, %d failed: %+v", rounds, failed, sum)
}

// verdict drains a fleet, lets time pass if forward is not nil, and reports its faults.
func verdict(t *testing.T, f *Fleet, forward func(time.Duration, []string)) Counts {
	t.Helper()
	f.Drain()
	if forward != nil {
		f.Pass(forward)
	}
	if faults := f.End(); len(faults) > 0 {
		t.Errorf("%s", Name(faults))
	}
	c := f.Ledger.Counts()
	if c.Refused > 0 && !f.Ledger.mayRefuse() {
		t.Errorf("%d messages were refused, want none", c.Refused)
	}
	return c
}
