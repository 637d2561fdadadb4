package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// storm is what the clients of one broker have in common.
type storm struct {
	t     *testing.T
	b     *rig.Broker
	cfg   engine.Config
	addrs []string
	end   time.Time
	seed  uint64

	stopping        atomic.Bool
	lives, messages atomic.Int64

	mu      sync.Mutex
	zombies []*rig.Conn // left open and forgotten by their clients
}

func TestSoakOfRandomClientsLeavesNothing(t *testing.T) {
	tight := func(c *engine.Config, _ *engine.Parts) {
		c.Session.SharedSubscriptionStrategy = engine.StrategyRandom
		c.Session.MaxQueuedMessages, c.Session.QueueQoS0 = 20, true
		c.Session.QueuePolicy = engine.DropNewest
		c.Limits.MaxOutboundBytes = 16 << 10
		c.Limits.MaxInflight = 5
		c.Limits.ReceiveMaximum = 20
		c.Limits.MaxSubscriptionsPerClient = 4
		c.Limits.TopicAliasMaximum = 3
		c.Retain.MaxMessages = 12
	}
	mounted := func(c *engine.Config, p *engine.Parts) {
		c.Listeners = append(c.Listeners, engine.Listener{Kind: engine.KindTCP, Address: "127.0.0.1:0", Mountpoint: "site/"})
		p.Authenticator, p.Authorizer = slow{}, forbidding{}
	}
	bounded := func(c *engine.Config, p *engine.Parts) { // embed changes the policy as it goes
		c.Session.QueuePolicy = engine.Refuse
		c.Session.MaxQueuedMessages, c.Session.MaxTotalQueuedMessages, c.Session.MaxTotalQueuedBytes = 5, 30, 20*engine.KiB
		c.Session.MaxOfflineSessions = 5
		c.Limits.MaxInflight = 5
		p.Store = store.NewDelayedMemory()
	}
	for _, c := range []struct {
		name  string
		loops int
		set   func(*engine.Config, *engine.Parts)
	}{
		{"one loop", 1, func(*engine.Config, *engine.Parts) {}},
		{"two loops, slow authentication, two listeners", 2, mounted},
		{"four loops, tight limits", 4, tight},
		{"three loops, full queues, few absent", 3, bounded},
		{"three loops, slow store", 3, func(_ *engine.Config, p *engine.Parts) { p.Store = store.NewDelayedMemory() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, parts := rig.Config(c.loops), engine.Parts{}
			cfg.Session.MaxExpiry, cfg.Session.ExpiryV3 = time.Hour, time.Hour
			c.set(&cfg, &parts)
			s := newStorm(t, cfg, parts)
			defer steer(t, parts.Store)()
			s.rage(rig.Long(t, 600*time.Millisecond))
			s.bury()
			if parts.Store != nil && !cfg.Session.QueueQoS0 { // which the broker counts, and no store keeps
				s.b.Audit(parts.Store)
			}
			s.calm()
		})
	}
}

func newStorm(t *testing.T, cfg engine.Config, parts engine.Parts) *storm {
	t.Helper()
	s := &storm{t: t, b: rig.Start(t, cfg, parts), cfg: cfg, seed: rand.Uint64()}
	for _, a := range s.b.Addrs() {
		s.addrs = append(s.addrs, strings.TrimPrefix(a.URL, "tcp://"))
	}
	return s
}

// rage lets the clients loose.
func (s *storm) rage(d time.Duration) {
	s.t.Logf("seed %d", s.seed)
	s.end = time.Now().Add(d)
	var wg sync.WaitGroup
	for i := range 160 {
		rng := rand.New(rand.NewPCG(s.seed, uint64(i)))
		wg.Go(func() {
			for time.Now().Before(s.end) {
				s.life(rng)
			}
		})
	}
	wg.Go(s.embed)
	wg.Wait()
	s.t.Logf("%d connections, %d messages received", s.lives.Load(), s.messages.Load())
}

// embed is the program around the broker: it publishes, subscribes, disconnects clients and reloads the configuration.
func (s *storm) embed() {
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(s.seed, 1<<32))
	for time.Now().Before(s.end) && !s.stopping.Load() {
		sub, err := s.b.Subscribe(ctx, filters[rng.IntN(plainFilters)], func(m engine.Message) { s.intact(m.Topic, m.Payload) })
		if err != nil {
			s.failed("Subscribe", err)
			return
		}
		for range 20 {
			m := engine.Message{Topic: []byte(pick(rng, topics)), Payload: payload(rng), QoS: byte(rng.IntN(3)), Retain: rng.IntN(9) == 0}
			if err := s.b.Publish(ctx, m); err != nil && !(errors.Is(err, mqtt.QuotaExceeded) && s.cfg.Session.MaxOfflineSessions == 5) {
				s.failed("Publish", err)
			}
			if _, err := s.b.Disconnect(ctx, clientID(rng), mqtt.AdministrativeAction); err != nil {
				s.failed("Disconnect", err)
			}
			s.cfg.Limits.MaxInflight = 1 + rng.IntN(50)
			s.cfg.Limits.OutboundTopicAliases = rng.IntN(5)
			if s.cfg.Session.MaxOfflineSessions == 5 {
				s.cfg.Session.QueuePolicy = []engine.QueuePolicy{engine.Refuse, engine.Refuse, engine.DropOldest, engine.DropNewest}[rng.IntN(4)]
				s.cfg.Session.MaxQueuedMessages = 1 + rng.IntN(8)
			}
			if err := s.b.Reload(s.cfg); err != nil {
				s.failed("Reload", err)
			}
			nap(rng, 5)
		}
		if err := sub.Close(ctx); err != nil {
			s.failed("Close", err)
		}
	}
}

// bury closes the connections that were forgotten.
func (s *storm) bury() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.zombies {
		_ = c.Close()
	}
	s.zombies = nil
}

// failed reports what the embedder was refused, unless the broker is being stopped.
func (s *storm) failed(what string, err error) {
	if !errors.Is(err, engine.ErrStopped) || !s.stopping.Load() {
		s.t.Errorf("%s: %v", what, err)
	}
}

// calm ends everything and looks for leftovers.
func (s *storm) calm() {
	s.t.Helper()
	s.bury()
	s.b.Forward(3 * time.Hour) // all wills are out, all sessions over
	want := engine.Inventory{}
	if !rig.Eventually(func() bool {
		got := s.b.Inventory()
		want.Retained = got.Retained
		return got == want
	}) {
		s.t.Errorf("the broker holds on to something: %+v", s.b.Inventory())
	}
	n := s.retained()
	s.b.Forward(3 * time.Hour)
	s.b.Empty(0)
	s.t.Logf("%d retained messages set, read back and cleared; dropped %v, closed %v", n, s.b.Stats().Dropped, s.b.Stats().ClosedByBroker)
}

// retained sets a retained message on every topic, reads them all back and clears them.
func (s *storm) retained() int {
	c, err := rig.Dial(s.b.Addr, mqtt.V5)
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	for {
		ack, err := c.Connect(&mqtt.Connect{ClientID: []byte("last"), CleanStart: true})
		if err != nil {
			s.t.Fatal(err)
		}
		if ack.Reason == mqtt.Success {
			break
		}
		if c, err = rig.Dial(s.b.Addr, mqtt.V5); err != nil { // refused at random
			s.t.Fatal(err)
		}
		defer c.Close()
	}
	want := map[string]string{}
	var b []byte
	for i, topic := range topics { // clear, so that a limit leaves room for exactly the first ones
		b = clearing(b, topic)
		if s.cfg.Retain.MaxMessages == 0 || i < s.cfg.Retain.MaxMessages {
			want[topic] = fmt.Sprint("final ", i)
		}
	}
	for i, topic := range topics {
		b = (&mqtt.Publish{Topic: []byte(topic), Retain: true, Payload: fmt.Append(nil, "final ", i)}).AppendTo(b, c.V)
	}
	b = (&mqtt.Subscribe{ID: 1, Filters: []mqtt.Subscription{{Filter: []byte("#")}}}).AppendTo(b, c.V, 0)
	if _, err := c.Write(b); err != nil {
		s.t.Fatal(err)
	}
	got := map[string]string{}
	for len(got) < len(want) {
		h, body, err := c.Next(rig.Patience)
		if err != nil {
			s.t.Fatalf("%v, with these of the retained messages read: %v, want %v", err, got, want)
		}
		p, err := c.Decode(h, body)
		if err != nil {
			s.t.Fatal(err)
		}
		if p, ok := p.(*mqtt.Publish); ok {
			got[string(p.Topic)] = string(p.Payload)
		}
	}
	for topic := range want {
		if got[topic] != want[topic] {
			s.t.Errorf("retained on %q: got %q, want %q", topic, got[topic], want[topic])
		}
	}
	b = b[:0]
	for _, topic := range topics {
		b = clearing(b, topic)
	}
	if _, err := c.Write(append(b, byte(mqtt.DISCONNECT)<<4, 0)); err != nil {
		s.t.Fatal(err)
	}
	for err == nil { // until the broker has read it all and closed
		_, _, err = c.Next(rig.Patience)
	}
	if !rig.Ended(err) {
		s.t.Errorf("after DISCONNECT: %v, want the connection closed", err)
	}
	return len(want)
}

// clearing appends what deletes the retained message of a topic on either listener.
func clearing(b []byte, topic string) []byte {
	for _, mount := range []string{"", "site/"} {
		b = (&mqtt.Publish{Topic: []byte(mount + topic), Retain: true}).AppendTo(b, mqtt.V5)
	}
	return b
}

// steer commits what the broker appends to a delayed store, at random, until the returned func is called.
func steer(t *testing.T, st store.Store) (stop func()) {
	m, ok := st.(*store.Memory)
	if !ok {
		return func() {}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		rng := rand.New(rand.NewPCG(rand.Uint64(), 0))
		for {
			select {
			case <-quit:
				m.Run()
				return
			case <-time.After(time.Duration(rng.IntN(3000)) * time.Microsecond):
				m.Step(1 + rng.IntN(40))
			}
		}
	}()
	var once sync.Once
	stop = func() { once.Do(func() { close(quit); <-done }) }
	t.Cleanup(stop) // before the broker's: it waits for the store
	return stop
}

func nap(rng *rand.Rand, ms int) { time.Sleep(time.Duration(rng.IntN(ms*1000)) * time.Microsecond) }

func pick[T any](rng *rand.Rand, list []T) T { return list[rng.IntN(len(list))] }
