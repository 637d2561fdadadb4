package engine

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/flow"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// sever has a client lose its connection, and waits until that is in the store.
func (r *relay) sever(w *wire) {
	r.t.Helper()
	n := r.Stats().ClientsConnected
	_ = w.Close()
	until(r.t, "the end of a connection", func() bool {
		return r.Stats().ClientsConnected < n && inventory(r.t, r.Broker).Uncommitted == 0
	})
}

func TestOnlyWhatMayHaveBeenSentGoesOutAsARepeat(t *testing.T) {
	r := newRelay(t, settings(), Parts{Store: store.NewMemory()})
	pub := r.join("pub", clean, fleeting)
	n := 0
	publish := func(to string, count int) {
		t.Helper()
		for range count {
			n++
			pub.publish("t/"+to, fmt.Sprint(n), 1, uint16(n))
			pub.expect(fmt.Sprintf("puback #%d", n))
		}
	}
	away := r.join("away", window(2))
	away.subscribe(0, 1, "t/away")
	there := r.join("there", window(2))
	there.subscribe(0, 1, "t/there")
	fresh := r.join("fresh")
	fresh.subscribe(0, 1, "t/fresh")
	publish("away", 4) // two of them are sent
	publish("there", 4)
	away.expect("publish t/away=1 q1 #2", "publish t/away=2 q1 #3")
	away.nothing()
	r.sever(fresh)
	r.sever(away)
	publish("away", 1)
	publish("fresh", 2)
	_ = pub.Close()
	r.crash()
	pub = r.join("pub", clean, fleeting)
	publish("away", 1) // behind the others, and after the crash
	want := []string{"publish t/away=1 q1 #2 dup", "publish t/away=2 q1 #3 dup", "publish t/away=3 q1 #4", "publish t/away=4 q1 #5",
		"publish t/away=9 q1 #6", "publish t/away=12 q1 #7"}
	away = r.join("away", window(3))
	away.expect(want[:3]...)
	r.sever(away)
	_ = pub.Close()
	r.crash() // now three were sent
	want[2] += " dup"
	r.join("away").expect(want...)
	r.join("fresh").expect("publish t/fresh=10 q1 #2", "publish t/fresh=11 q1 #3")
	// Of who was connected when the broker died nobody knows what it was sent.
	r.join("there").expect("publish t/there=5 q1 #2 dup", "publish t/there=6 q1 #3 dup", "publish t/there=7 q1 #4 dup", "publish t/there=8 q1 #5 dup")
}

// Numbers go on from what was sent, though nothing of it is left: a client may hold a packet identifier of it.
func TestNumbersGoOnBehindWhatWasSent(t *testing.T) {
	r := newRelay(t, settings(), Parts{Store: store.NewMemory()})
	sub := r.join("sub")
	sub.subscribe(0, 1, "t")
	for round := range 3 {
		pub := r.join("pub", clean, fleeting)
		pub.publish("t", fmt.Sprint(round), 1, 1)
		pub.expect("puback #1")
		sub.expect(fmt.Sprintf("publish t=%d q1 #%d", round, round+2))
		sub.ack(mqtt.PUBACK, uint16(round+2))
		sub.nothing()
		_ = pub.Close()
		r.sever(sub)
		r.crash()
		sub = r.join("sub")
	}
}

// A store that has lost acknowledgements may bring exchanges back that were never open at once.
func TestExchangesThatCannotHaveBeenOpenAtOnceAreOver(t *testing.T) {
	mem := store.NewMemory()
	var b store.Batch
	b.Session(&store.Session{ID: 1, ClientID: []byte("c"), Version: 5, Expiry: 1000})
	for i, seq := range []uint64{1, 5, 6, flow.Identifiers + 5, flow.Identifiers + 7} {
		id := uint64(10 + i)
		b.Message(&store.Message{ID: id, Topic: []byte("t"), Payload: fmt.Append(nil, seq), QoS: 2})
		b.Enqueue(id, []store.Delivery{{Session: 1, Seq: seq, QoS: 2}})
		if seq != 6 {
			b.Release(1, seq)
		}
	}
	mem.Append(&b, nil)
	var log logbook
	r := newRelay(t, settings(), Parts{Store: mem, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	c := r.join("c")
	c.expect("pubrel #6", "pubrel #8") // 65,540 and 65,542; of 6 it is known only that it was never released
	c.nothing()
	c.ack(mqtt.PUBCOMP, 6)
	c.ack(mqtt.PUBCOMP, 8)
	c.expect("publish t=6 q2 #7")
	audit(t, r.Broker, mem)
	if !strings.Contains(log.String(), "cannot have been open at once") || !strings.Contains(log.String(), "exchanges=2") {
		t.Errorf("the log does not tell of it:\n%s", &log)
	}
}

// reading is a store that notices what is appended while it is being read.
type reading struct {
	*store.Memory
	busy  atomic.Bool
	early atomic.Int64
}

func (s *reading) Recover(ctx context.Context, visit func(*store.Record) error) error {
	s.busy.Store(true)
	defer s.busy.Store(false)
	return s.Memory.Recover(ctx, visit)
}

func (s *reading) Append(b *store.Batch, done func(error)) bool {
	if s.busy.Load() {
		s.early.Add(1)
	}
	return s.Memory.Append(b, done)
}

// Sessions are installed while the store is read, and then written down: nothing is appended before, and nothing is
// forgotten.
func TestNothingIsAppendedToAStoreThatIsBeingRead(t *testing.T) {
	st := &reading{Memory: store.NewMemory()}
	const sessions = 5 * installAtOnce
	var b store.Batch
	for id := uint64(1); id <= sessions; id++ {
		b.Session(&store.Session{ID: id, ClientID: fmt.Append(nil, "c", id), Version: 5, Expiry: 1000, Online: id%4 > 0,
			HasWill: id%8 == 1, Will: store.Will{Topic: []byte("will"), QoS: 1, Retain: true}})
		b.Message(&store.Message{ID: sessions + id, Topic: []byte("t"), QoS: 2})
		b.Enqueue(sessions+id, []store.Delivery{{Session: id, Seq: 1, QoS: 2}, {Session: id, Seq: 70_000, QoS: 2}})
		b.Release(id, 1)
		b.Release(id, 70_000) // one of them cannot be
	}
	for id := uint64(2 * sessions); id < 2*sessions+10; id++ { // the later sessions of some clients
		b.Session(&store.Session{ID: id + 1, ClientID: fmt.Append(nil, "c", id-2*sessions+1), Version: 5, Expiry: 1000, Online: true})
	}
	st.Append(&b, nil)
	r := newRelay(t, settings(), Parts{Store: st})
	r.mem = st.Memory
	until(t, "what is to be written down", func() bool {
		n := 0
		for i := range r.loops {
			onLoop(t, r.Broker, i, func(l *loop) { n += len(l.unwritten) + len(l.hold.flying) })
		}
		return n == 0
	})
	if n := st.early.Load(); n > 0 {
		t.Errorf("batches that were appended while the store was read: got %d", n)
	}
	audit(t, r.Broker, st.Memory)
	online := 0
	_ = st.Memory.Recover(soon(t), func(r *store.Record) error {
		if r.Kind == store.SES && r.Session.Online {
			online++
		}
		return nil
	})
	if v := inventory(t, r.Broker); v.Sessions != sessions || online > 0 {
		t.Errorf("got %d sessions, %d connected in the store, want %d and none", v.Sessions, online, sessions)
	}
}
