package engine

import (
	"bytes"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine/internal/session"
	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/fanout"
)

// A message that waits for many sessions is written once a loop, however many those are.
func TestAHandOverOfManySessions(t *testing.T) {
	sessions := 100_000
	if testing.Short() || racing() {
		sessions = 10_000
	}
	cfg := settings()
	r := newRelay(t, cfg, Parts{})
	for i := range r.loops {
		onLoop(t, r.Broker, i, func(l *loop) {
			for n := range sessions / len(r.loops) {
				id := fmt.Sprintf("session %d of loop %d", n, i)
				s := &sess{}
				s.ClientID, s.Slot = id, r.directory.claim(id, l.id).slot
				s.Gen, s.Version, s.Expiry = r.slots.Gen(s.Slot), 5, session.NeverExpires
				l.setSession(s.Slot, s)
				l.count.sessions.add(1)
				filter := []byte("to/" + id)
				if n%1000 == 0 {
					filter = []byte("all")
				}
				l.addSubscription(s, filter, fanout.Target{Slot: s.Slot, Gen: s.Gen, QoS: 1}, false)
			}
		})
	}
	payload := make([]byte, 100)
	for i := range 1000 {
		copy(payload, fmt.Sprint(i))
		if err := r.Publish(soon(t), Message{Topic: []byte("all"), Payload: payload, QoS: 1}); err != nil {
			t.Fatal(err)
		}
	}
	queued := 1000 * sessions / 1000
	for i := range r.loops {
		onLoop(t, r.Broker, i, func(*loop) {})
	}
	before := memory()
	next, state := r.leave()
	began := time.Now()
	var buf bytes.Buffer
	if err := r.export(&buf); err != nil { // once more, by itself
		t.Fatal(err)
	}
	wrote, size := time.Since(began), state.Len()
	messages := 0
	if err := store.ReadStream(&buf, func(rec *store.Record) error {
		if rec.Kind == store.MSG {
			messages++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := 1000 * len(r.loops); messages != want {
		t.Errorf("messages in the state: got %d, want %d for %d deliveries", messages, want, queued)
	}
	began = time.Now()
	next.parts.State = state
	if err := next.Start(); err != nil {
		t.Fatal(err)
	}
	read := time.Since(began)
	old := r.Broker
	r.Broker = next
	after := memory()
	stop(t, old)
	v := inventory(t, next)
	if v.Sessions != sessions || v.Subscriptions != sessions || int(v.Messages) != 1000*len(r.loops) {
		t.Errorf("got %+v, want %d sessions", v, sessions)
	}
	waits := 0
	for i := range next.loops {
		onLoop(t, next, i, func(l *loop) {
			for _, chunk := range l.table {
				for _, s := range chunk {
					if s != nil {
						waits += s.Queue.Len()
					}
				}
			}
		})
	}
	if waits != queued {
		t.Errorf("deliveries: got %d, want %d", waits, queued)
	}
	t.Logf("%d sessions, %d deliveries: written in %v as %d bytes, taken up in %v; heap %d MB before, %d MB with both brokers",
		sessions, queued, wrote, size, read, before>>20, after>>20)
}

// racing tells whether the race detector looks on, which makes everything many times slower.
func racing() bool {
	info, _ := debug.ReadBuildInfo()
	return info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

func memory() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
