package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/store"
)

func TestAStartThatFailsLeavesNothingRunning(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cfg := settings()
	cfg.Listeners = append(cfg.Listeners, Listener{Address: taken.Addr().String()})
	broken := errors.New("unreadable")
	for name, b := range map[string]*Broker{
		"an address in use":       unstarted(t, cfg, Parts{}),
		"a store without its log": unstarted(t, settings(), Parts{Store: unreadable{store.NewMemory(), broken}}),
	} {
		if err := b.Start(); err == nil || !strings.Contains(err.Error(), "listeners.1: ") && !errors.Is(err, broken) {
			t.Errorf("%s: got %v", name, err)
		}
		for _, a := range b.Addrs() {
			if nc, err := net.Dial("tcp", strings.TrimPrefix(a.URL, "tcp://")); err == nil {
				nc.Close()
				t.Errorf("%s: %s still listens", name, a.URL)
			}
		}
		if err := b.Publish(soon(t), Message{Topic: []byte("t")}); !errors.Is(err, ErrStopped) {
			t.Errorf("%s: publish: got %v, want %v", name, err, ErrStopped)
		}
		if err := b.Start(); !errors.Is(err, ErrStopped) {
			t.Errorf("%s: second start: got %v, want %v", name, err, ErrStopped)
		}
		if err := b.Stop(soon(t)); err != nil {
			t.Errorf("%s: stop: %v", name, err)
		}
	}
}

func unstarted(t *testing.T, cfg Config, parts Parts) *Broker {
	t.Helper()
	b, err := New(cfg, parts)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type unreadable struct {
	store.Store
	err error
}

func (u unreadable) Recover(context.Context, func(*store.Record) error) error { return u.err }

func TestABrokerLivesOnce(t *testing.T) {
	b := unstarted(t, settings(), Parts{})
	if err := b.Reload(settings()); err != nil {
		t.Errorf("reload before the start: %v", err)
	}
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	if err := b.Start(); !errors.Is(err, ErrStarted) {
		t.Errorf("second start: got %v, want %v", err, ErrStarted)
	}
	for range 2 {
		if err := b.Stop(soon(t)); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
	if err := b.Start(); !errors.Is(err, ErrStopped) {
		t.Errorf("start after the stop: got %v, want %v", err, ErrStopped)
	}
	if err := b.Reload(settings()); !errors.Is(err, ErrStopped) {
		t.Errorf("reload after the stop: got %v, want %v", err, ErrStopped)
	}
	never := unstarted(t, settings(), Parts{})
	if err := never.Stop(soon(t)); err != nil {
		t.Errorf("stop without a start: %v", err)
	}
	if err := never.Start(); !errors.Is(err, ErrStopped) {
		t.Errorf("start after that: got %v, want %v", err, ErrStopped)
	}
}

func TestStopSaysGoodbyeAndPublishesWills(t *testing.T) {
	b := unstarted(t, settings(), Parts{})
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	willed, _ := meet(t, address(b, 0), "willed", func(o *client.Options) { o.Will = &client.Message{Topic: "w"} })
	old, _ := meet(t, address(b, 0), "old", func(o *client.Options) { o.Version = mqtt.V311 })
	if err := b.Stop(soon(t)); err != nil {
		t.Fatal(err)
	}
	<-willed.Done()
	<-old.Done()
	if !errors.Is(willed.Err(), mqtt.ServerShuttingDown) {
		t.Errorf("5.0 client: got %v, want %v", willed.Err(), mqtt.ServerShuttingDown)
	}
	if s := b.Stats(); s.PublishReceived != 0 || s.ClientsConnected != 0 || s.Sessions != 0 {
		t.Errorf("after the stop: %+v", s)
	}
}

func TestStopTakesNoLongerThanItsContext(t *testing.T) {
	cfg := settings()
	cfg.Limits.MaxOutboundBytes = 16 * MiB
	for _, what := range []string{"a client that does not read", "a loop that does not answer"} {
		b := unstarted(t, cfg, Parts{})
		if err := b.Start(); err != nil {
			t.Fatal(err)
		}
		nc, _ := net.Dial("tcp", address(b, 0))
		defer nc.Close()
		say(t, nc, hello("c"))
		hear(t, nc, 0x20, 2, 0, 0)
		release := func() {}
		if what == "a loop that does not answer" {
			release = stall(t, b, 0)
		} else {
			p := mqtt.Subscribe{ID: 1, Filters: []mqtt.Subscription{{Filter: []byte("t")}}}
			say(t, nc, p.AppendTo(nil, mqtt.V311, 0))
			hear(t, nc, 0x90, 3, 0, 1, 0)
			for range 12 {
				if err := b.Publish(soon(t), Message{Topic: []byte("t"), Payload: make([]byte, MiB)}); err != nil {
					t.Fatal(err)
				}
			}
			until(t, "output that waits", func() bool { return inventory(t, b).OutputBytes > 0 })
		}
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		began := time.Now()
		err := b.Stop(ctx)
		cancel()
		if took := time.Since(began); took > 5*time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v after %v, want the context's error at once", what, err, took)
		}
		release()
		_, _ = io.Copy(io.Discard, nc) // until it is closed
	}
}

func TestAConnectionThatComesDuringTheStopIsTurnedAway(t *testing.T) {
	cfg := settings()
	cfg.Loops = 1
	b, addr := serve(t, cfg, Parts{})
	onLoop(t, b, 0, (*loop).farewell)
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, err := nc.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("got %d bytes, %v, want the end", n, err)
	}
}

func TestBrokersInOneProcessShareNothing(t *testing.T) {
	one, _ := serve(t, settings(), Parts{})
	two, addr := serve(t, settings(), Parts{})
	c, _ := meet(t, addr, "c")
	got := make(chan string, 4)
	if _, err := c.Subscribe(soon(t), []client.Filter{{Filter: "#"}}, func(m *client.Message) { got <- string(m.Payload) }); err != nil {
		t.Fatal(err)
	}
	for b, payload := range map[*Broker]string{one: "one", two: "two"} {
		if err := b.Publish(soon(t), Message{Topic: []byte("t"), Payload: []byte(payload), Retain: true}); err != nil {
			t.Fatal(err)
		}
	}
	if p := <-got; p != "two" {
		t.Errorf("got %q, want %q", p, "two")
	}
	a, z := inventory(t, one), inventory(t, two)
	if a.Connections != 0 || a.Subscriptions != 0 || a.Retained != 1 || z.Connections != 1 || z.Subscriptions != 1 || z.Retained != 1 {
		t.Errorf("one holds %+v\ntwo holds %+v", a, z)
	}
}

func TestAListenerHoldsNoMoreConnectionsThanItMay(t *testing.T) {
	cfg := settings()
	cfg.Listeners = append(cfg.Listeners, cfg.Listeners[0])
	cfg.Listeners[0].MaxConnections = 2
	b, addr := serve(t, cfg, Parts{})
	first, _ := meet(t, addr, "1")
	meet(t, addr, "2")
	if _, _, err := dial(t, addr, "3"); err == nil {
		t.Error("a third client got in")
	}
	if s := b.Stats(); s.AcceptShed != 1 {
		t.Errorf("turned away: got %d, want 1", s.AcceptShed)
	}
	meet(t, address(b, 1), "other")
	_ = first.Disconnect(soon(t), 0)
	until(t, "the place of a client that left", func() bool { return inventory(t, b).Connections == 2 })
	meet(t, addr, "4")
}
