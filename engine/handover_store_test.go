package engine

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// Hand-overs between processes that keep their state in one store.

// onStore runs a test on a store in memory and on a log.
func onStore(t *testing.T, test func(t *testing.T, cfg Config, parts Parts)) {
	t.Run("in memory", func(t *testing.T) { test(t, settings(), Parts{Store: store.NewMemory()}) })
	t.Run("on disk", func(t *testing.T) {
		cfg := settings()
		cfg.Store.Path = t.TempDir()
		test(t, cfg, Parts{})
	})
}

// A client that was sent away twice is back with a clean start, or not at all.
func TestAWillWaitsOverTwoHandOversWithAStore(t *testing.T) {
	onStore(t, func(t *testing.T, cfg Config, parts Parts) {
		cfg.Drain.WillGrace = 30 * time.Second
		r := newRelay(t, cfg, parts)
		r.join("watcher").subscribe(0, 1, "will")
		r.join("kept", willing(0, false))
		r.join("clean", fleeting, willing(0, false))
		r.join("lost", willing(0, false))
		r.pass()
		r.forward(10 * time.Second)
		r.pass()
		r.forward(10 * time.Second)
		if _, present := r.joined("kept", clean, willing(0, false)); present {
			t.Error("a clean start found a session")
		}
		r.join("clean", clean, fleeting, willing(0, false))
		if got := r.wills(); len(got) > 0 {
			t.Errorf("after 20 s: got %q", got)
		}
		r.forward(15 * time.Second)
		if got := strings.Join(r.wills(), " "); got != "lost" {
			t.Errorf("after 35 s: got %q, want that of who was not back", got)
		}
		r.forward(100 * time.Second)
		if got := r.wills(); len(got) > 0 {
			t.Errorf("in the end: got %q", got)
		}
	})
}

// What the right to a will depends on is in the store: the listener with its mountpoint, and who may do anything.
func TestAWillKeepsTheRightsOfItsClientInAStore(t *testing.T) {
	for name, next := range map[string]func(r *relay){"hand-over": (*relay).pass, "crash": (*relay).crash} {
		t.Run(name, func(t *testing.T) {
			cfg := settings()
			cfg.Listeners = append(cfg.Listeners, Listener{Name: "site", Address: "127.0.0.1:0", Mountpoint: "site/"})
			cfg.Drain.WillGrace = time.Second
			r := newRelay(t, cfg, Parts{Authenticator: byName{}, Authorizer: belowName{}, Store: store.NewMemory()})
			user := func(name string) func(*mqtt.Connect) {
				return func(p *mqtt.Connect) { p.HasUsername, p.Username = true, []byte(name) }
			}
			r.join("watcher", user("root")).subscribe(0, 1, "#")
			will := func(topic string) func(*mqtt.Connect) {
				return func(p *mqtt.Connect) { p.HasWill, p.Will = true, mqtt.Will{Topic: []byte(topic), QoS: 1} }
			}
			r.join("plain", user("ann"), will("ann/plain"))
			r.join("root", user("root"), will("any/thing"))
			r.addr = address(r.Broker, 1)
			r.join("mounted", user("ann"), will("ann/mounted"))
			r.addr = address(r.Broker, 0)
			until(t, "the commits", func() bool { return inventory(t, r.Broker).Uncommitted == 0 })
			next(r)
			r.addr = address(r.Broker, 0)
			next(r)
			r.addr = address(r.Broker, 0)
			r.forward(5 * time.Second)
			w := r.join("watcher", user("root"))
			left := map[string]bool{"ann/plain": true, "any/thing": true, "site/ann/mounted": true}
			for range 3 {
				topic, _, _ := strings.Cut(strings.TrimPrefix(w.hear(), "publish "), "=")
				if !left[topic] {
					t.Errorf("got %q, want one of %v", topic, left)
				}
				delete(left, topic)
			}
			if n := r.Stats().Dropped["unauthorized"]; n != 0 {
				t.Errorf("refused: got %d", n)
			}
		})
	}
}

// A chain of hand-overs, some of which come to nothing, so that the process that has left takes its own place.
func TestASessionSurvivesHandOversThatNobodyTakesUp(t *testing.T) {
	onStore(t, func(t *testing.T, cfg Config, parts Parts) {
		r := newRelay(t, cfg, parts)
		sub := r.join("sub", window(1))
		sub.subscribe(0, 2, "t")
		n := 0
		for round := range 4 {
			pub := r.join("pub", clean, fleeting)
			for range 2 {
				n++
				pub.publish("t", string(rune('a'+n)), 2, uint16(n))
				pub.expect("pubrec #" + strconv.Itoa(n))
				pub.ack(mqtt.PUBREL, uint16(n))
				pub.expect("pubcomp #" + strconv.Itoa(n))
			}
			_ = pub.Close()
			goWith(sub)
			if round%2 == 1 {
				r.pass()
			} else {
				r.passNobody()
			}
			sub = r.join("sub", window(1))
			first := "publish t=b q2 #2"
			if got := sub.hear(); got != first && got != first+" dup" {
				t.Fatalf("round %d: got %s, want %s", round, got, first)
			}
		}
		sub.ack(mqtt.PUBREC, 2)
		sub.expect("pubrel #2")
		goWith(sub)
		r.passNobody()
		sub = r.join("sub", window(20))
		var waiting []string
		for i := 2; i <= n; i++ { // none of them was sent
			waiting = append(waiting, "publish t="+string(rune('a'+i))+" q2 #"+strconv.Itoa(i+1))
		}
		sub.expectAmong("pubrel #2", waiting...)
		sub.ack(mqtt.PUBCOMP, 2)
		if r.mem != nil {
			audit(t, r.Broker, r.mem)
		}
	})
}

// goWith lets a client end its connection when the broker does: a stop waits for that.
func goWith(w *wire) {
	go func() { _, _ = io.Copy(io.Discard, w); _ = w.Close() }()
}

// passNobody hands over to a process that fails at its start, and takes the place again.
func (r *relay) passNobody() {
	r.t.Helper()
	before := r.Broker
	next, state := r.leave()
	left := strings.NewReader(state.String())
	next.parts.State = strings.NewReader("nothing")
	if r.mem != nil {
		r.mem = r.mem.Reopen()
		next.parts.Store = r.mem
	}
	if err := next.Start(); err == nil {
		r.t.Fatal("start on nonsense")
	}
	if err := before.Resume(); !errors.Is(err, ErrReleased) {
		r.t.Fatalf("resume: got %v, want %v", err, ErrReleased)
	}
	parts := r.parts
	stop(r.t, before)
	parts.State = left
	if r.mem != nil {
		r.mem = r.mem.Reopen()
		parts.Store = r.mem
	}
	r.Broker = unstarted(r.t, r.cfg, parts)
	if err := r.Start(); err != nil {
		r.t.Fatalf("start on what was left: %v", err)
	}
	r.addr = address(r.Broker, 0)
}

// opened is a store that tells when it is opened and closed.
type opened struct {
	*store.Memory
	what func(string)
}

func (o *opened) Recover(ctx context.Context, visit func(*store.Record) error) error {
	o.what("recover")
	return o.Memory.Recover(ctx, visit)
}

func (o *opened) Close(ctx context.Context) error {
	err := o.Memory.Close(ctx)
	o.what("close")
	return err
}

func TestTheNextProcessOpensTheStoreWhenTheOneBeforeHasClosedIt(t *testing.T) {
	var said []string
	mem := store.NewMemory()
	tell := func(who string) func(string) { return func(what string) { said = append(said, who+" "+what) } }
	r := newRelay(t, settings(), Parts{Store: &opened{mem, tell("first")}})
	c := r.join("c")
	c.subscribe(0, 1, "t")
	goWith(c)
	parts := r.parts
	var err error
	if parts.Sockets, err = r.Sockets(); err != nil {
		t.Fatal(err)
	}
	parts.Store = &opened{mem, tell("second")}
	next := unstarted(t, r.cfg, parts)
	if err := next.Prepare(); err != nil {
		t.Fatal(err)
	}
	var state strings.Builder
	if err := r.HandOver(soon(t), &state); err != nil {
		t.Fatal(err)
	}
	next.parts.State = strings.NewReader(state.String())
	if err := next.Start(); err != nil {
		t.Fatal(err)
	}
	before := r.Broker
	r.Broker = next
	if got, want := strings.Join(said, ", "), "first recover, first close, second recover"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, present := r.joined("c"); !present {
		t.Error("no session present")
	}
	stop(t, before)
}
