package perf

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// flood is a store that has a lot, and tells it as fast as it can be told.
type flood struct {
	*store.Memory
	sessions, queued, retained int // queued is for each session
}

func (f *flood) Recover(_ context.Context, visit func(*store.Record) error) error {
	var r store.Record
	var client, topic [32]byte
	payload := make([]byte, 200)
	now := time.Now()
	tell := func(fill func()) error {
		r = store.Record{Version: 1}
		fill()
		return visit(&r)
	}
	for n := range f.retained {
		if err := tell(func() {
			r.Kind = store.RET
			r.Message = store.Message{Topic: strconv.AppendInt(append(topic[:0], "retained/of/"...), int64(n), 10), Payload: payload, QoS: 1}
		}); err != nil {
			return err
		}
	}
	message := func(n int) uint64 { return uint64(1_000_000 + n) }
	for n := range f.sessions * f.queued {
		if err := tell(func() {
			r.Kind = store.MSG
			r.Message = store.Message{ID: message(n), Topic: append(topic[:0], "site/1/device/17/temp"...), Payload: payload, QoS: 1}
			r.Message.Expiry = store.Lifetime{Left: 100_000, Wall: now.Unix()}
		}); err != nil {
			return err
		}
	}
	one := make([]store.Delivery, 1)
	for s := range f.sessions {
		id := uint64(s + 1)
		name := deviceName(s, client[:0])
		if err := tell(func() {
			r.Kind = store.SES
			r.Session = store.Session{ID: id, ClientID: name, Version: 5, Expiry: 1 << 31, Rest: store.Lifetime{Left: 1 << 30, Wall: now.Unix()}}
		}); err != nil {
			return err
		}
		if err := tell(func() {
			r.Kind, r.Session.ID = store.SUB, id
			r.Subscription = store.Subscription{Filter: append(append(topic[:0], "to/"...), name...), Options: 1}
		}); err != nil {
			return err
		}
		for n := range f.queued {
			if err := tell(func() {
				r.Kind, r.Message.ID = store.ENQ, message(n*f.sessions+s) // as they came, one for each session after the other
				one[0] = store.Delivery{Session: id, Seq: uint64(n + 1), QoS: 1}
				r.Deliveries = one
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

func deviceName(n int, dst []byte) []byte {
	return strconv.AppendInt(append(dst, "device-"...), int64(n), 10)
}

// start begins a broker on a flood.
func (f *flood) start(tb testing.TB) *engine.Broker {
	tb.Helper()
	cfg := engine.DefaultConfig()
	cfg.Listeners = []engine.Listener{{Kind: engine.KindTCP, Address: "127.0.0.1:0"}}
	cfg.Loops, cfg.Sys.Interval = 2, 0
	b, err := engine.New(cfg, engine.Parts{Store: f})
	if err != nil {
		tb.Fatal(err)
	}
	if err := b.Start(); err != nil {
		tb.Fatal(err)
	}
	if got := b.Stats().Sessions; got != uint64(f.sessions) {
		tb.Fatalf("recovered %d sessions, want %d", got, f.sessions)
	}
	return b
}

// BenchmarkRecovery is the engine's part of a start with a million queued messages, 100,000 sessions and 100,000 retained
// messages.
func BenchmarkRecovery(b *testing.B) {
	f := &flood{Memory: store.NewMemory(), sessions: 100_000, queued: 10, retained: 100_000}
	for b.Loop() {
		k := f.start(b)
		b.StopTimer()
		if err := k.Stop(context.Background()); err != nil {
			b.Error(err)
		}
		b.StartTimer()
	}
}
