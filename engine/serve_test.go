package engine

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// soon bounds whatever a test waits for.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// settings is a broker for a test: two loops, a port of its own, no $SYS.
func settings() Config {
	cfg := DefaultConfig()
	cfg.Listeners = []Listener{{Kind: KindTCP, Address: "127.0.0.1:0"}}
	cfg.Loops, cfg.Sys.Interval = 2, 0
	return cfg
}

// serve starts a broker, which is stopped with the test.
func serve(t *testing.T, cfg Config, parts Parts) (*Broker, string) {
	t.Helper()
	b, err := New(cfg, parts)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Stop(soon(t)); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return b, address(b, 0)
}

func address(b *Broker, listener int) string {
	return strings.TrimPrefix(b.Addrs()[listener].URL, "tcp://")
}

// steered is a clock that a test moves.
type steered struct{ atomic.Int64 }

func (s *steered) now() time.Duration      { return time.Duration(s.Load()) }
func (s *steered) forward(d time.Duration) { s.Add(int64(d)) }

// passed waits until the loops have handled every timer up to a moment.
func passed(t *testing.T, b *Broker, at time.Duration) {
	t.Helper()
	for i := range b.loops {
		until(t, "the tick", func() (yes bool) {
			onLoop(t, b, i, func(l *loop) { yes = l.wheel.Now() >= ticks(at) })
			return yes
		})
	}
}

// dial connects; with an error when the broker refuses.
func dial(t *testing.T, addr, id string, with ...func(*client.Options)) (*client.Client, *mqtt.Connack, error) {
	t.Helper()
	o := client.Options{Addr: addr, ClientID: id, CleanStart: true}
	for _, f := range with {
		f(&o)
	}
	c, ack, err := client.Dial(soon(t), o)
	if err == nil {
		t.Cleanup(func() { _ = c.Close() })
	}
	return c, ack, err
}

// meet is a dial that has to succeed.
func meet(t *testing.T, addr, id string, with ...func(*client.Options)) (*client.Client, *mqtt.Connack) {
	t.Helper()
	c, ack, err := dial(t, addr, id, with...)
	if err != nil {
		t.Fatalf("connect %s: %v", id, err)
	}
	return c, ack
}

// keeping goes on with a session, or begins it.
func keeping(s *client.Session) func(*client.Options) {
	return func(o *client.Options) { o.Session, o.CleanStart = s, false }
}

func expiry(seconds uint32) func(*client.Options) {
	return func(o *client.Options) {
		o.Props.SessionExpiry = seconds
		o.Props.Set(mqtt.PropSessionExpiry)
	}
}
