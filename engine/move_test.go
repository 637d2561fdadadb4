package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// move has the next broker keep its state in another store; nil: in memory.
func (r *relay) move(to *store.Memory) {
	r.t.Helper()
	before := r.Broker
	next, state := r.leave()
	if err := before.HandOverStore(soon(r.t), state); err != nil {
		r.t.Fatalf("hand over the store: %v", err)
	}
	next.parts.State, next.parts.Store = state, nil
	r.mem, r.parts.Store = to, nil
	if to != nil {
		next.parts.Store, r.parts.Store = to, to
	}
	if err := next.Start(); err != nil {
		r.t.Fatalf("start on the state of the broker before: %v", err)
	}
	r.Broker = next
	r.ends.Go(func() { stop(r.t, before) })
}

// crash has the next broker begin with what the store has committed.
func (r *relay) crash() {
	r.t.Helper()
	before := r.Broker
	r.mem = r.mem.Reopen()
	r.parts.Store = r.mem
	if r.dirty {
		r.parts.Store = killed{r.mem}
	}
	r.Broker = unstarted(r.t, r.cfg, r.parts)
	if err := r.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.addr = address(r.Broker, 0)
	r.ends.Go(func() { stop(r.t, before) })
}

// killed is a store that says that the process before has not closed it.
type killed struct{ *store.Memory }

func (killed) Stats() store.Stats { return store.Stats{Sync: "always"} }

// logbook is a log that may be read while it is written.
type logbook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *logbook) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(b)
}
func (s *logbook) String() string { s.mu.Lock(); defer s.mu.Unlock(); return s.buf.String() }

// keepers are the ways in which a state changes its keeper.
var keepers = map[string]struct{ from, to func() *store.Memory }{
	"from memory to a store":     {nil, store.NewMemory},
	"from a store to memory":     {store.NewMemory, nil},
	"from one store to another":  {store.NewMemory, store.NewMemory},
	"from memory to a slow disk": {nil, onADisk},
}

// onADisk is a store that answers later, as all with a disk do.
func onADisk() *store.Memory {
	m := store.NewDelayedMemory()
	m.Run()
	return m
}

// begin makes a broker on the first keeper, and says what comes then.
func begin(t *testing.T, from, to func() *store.Memory) (r *relay, next *store.Memory) {
	t.Helper()
	parts := Parts{}
	if from != nil {
		parts.Store = from()
	}
	if to != nil {
		next = to()
	}
	return newRelay(t, settings(), parts), next
}

func TestAStateThatChangesItsKeeperIsWhole(t *testing.T) {
	for name, k := range keepers {
		t.Run(name, func(t *testing.T) {
			r, next := begin(t, k.from, k.to)
			pub := r.join("pub")
			sub := r.join("sub", window(3))
			sub.subscribe(5, mqtt.SubscriptionOptions(2, true, true, 0), "t/+")
			away := r.join("away", v311)
			away.subscribe(0, 1, "t/#", "$share/g/job")
			away.say(mqtt.AppendPingreq(nil))
			away.expect("pingresp")
			away.Close()
			until(t, "one to be away", func() bool { return r.Stats().ClientsConnected == 2 })
			for i := range 5 { // one by one: what is of another QoS may overtake
				qos := []byte{2, 1, 2, 1, 2}[i]
				pub.publish("t/x", fmt.Sprint(i), qos, uint16(i+1))
				pub.expect(fmt.Sprintf("%s #%d", []string{"puback", "pubrec"}[qos-1], i+1))
				if i < 3 {
					sub.expect(fmt.Sprintf("publish t/x=%d q%d #%d ids[5]", i, qos, i+2))
				}
			}
			sub.ack(mqtt.PUBREC, 2)
			sub.expect("pubrel #2")
			pub.ack(mqtt.PUBREL, 1)
			pub.expect("pubcomp #1")
			pub.publish("kept", "r", 1, 9, func(p *mqtt.Publish) { p.Retain = true })
			pub.expect("puback #9")
			pub.publish("job", "j", 1, 10)
			pub.expect("puback #10")

			r.move(next)
			check := func(r *relay, when string) {
				t.Helper()
				sub, present := r.joined("sub", window(3))
				if !present {
					t.Fatalf("%s: no session present", when)
				}
				sub.expectAmong("pubrel #2", "publish t/x=1 q1 #3 dup ids[5]", "publish t/x=2 q2 #4 dup ids[5]")
				sub.nothing()
				pub, present := r.joined("pub")
				if !present {
					t.Fatalf("%s: the publisher has no session", when)
				}
				pub.publish("t/x", "2", 2, 3, func(p *mqtt.Publish) { p.Dup = true }) // known: nobody gets it again
				pub.expect("pubrec #3")
				late := r.join("late", clean, fleeting)
				late.subscribe(0, 1, "kept")
				late.expect("publish kept=r q1 #2 retain")
				if v := inventory(t, r.Broker); v.Subscriptions != 4 {
					t.Errorf("%s: got %d subscriptions, want 4", when, v.Subscriptions)
				}
				for _, w := range []*wire{sub, pub, late} {
					w.Close()
				}
				until(t, "all to have left", func() bool {
					return r.Stats().ClientsConnected == 0 && inventory(t, r.Broker).Uncommitted == 0
				})
			}
			check(r, "afterwards")
			if next != nil {
				r.crash()
				check(r, "after a crash")
			}
			sub = r.join("sub")
			sub.expectAmong("pubrel #2", "publish t/x=1 q1 #3 dup ids[5]", "publish t/x=2 q2 #4 dup ids[5]")
			got := []string{sub.hear(), sub.hear()}
			for i, want := range []string{"publish t/x=3 q1 #5", "publish t/x=4 q2 #6"} {
				if !strings.HasPrefix(got[i], want) {
					t.Errorf("what waited: got %q, want %s", got, want)
				}
			}
			away, present := r.joined("away", v311)
			if !present {
				t.Fatal("away: no session present")
			}
			want := []string{"0", "1", "2", "3", "4", "j"}
			for i, payload := range want {
				if got := away.hear(); !strings.Contains(got, "="+payload+" q1") {
					t.Errorf("message %d for who was away: got %q, want %s at QoS 1", i, got, payload)
				}
			}
			away.nothing()
		})
	}
}

// What the store held stays, unless the process before had another session of the client or another retained message.
func TestWhatAStoreHeldStaysBesideWhatIsHandedOver(t *testing.T) {
	held := store.NewMemory()
	old := newRelay(t, settings(), Parts{Store: held})
	for _, id := range []string{"both", "held"} {
		old.join(id).subscribe(0, 1, "held/"+id)
	}
	pub := old.join("pub", clean, fleeting)
	for i, topic := range []string{"both", "held"} {
		pub.publish(topic, "of the store", 1, uint16(i+1), func(p *mqtt.Publish) { p.Retain = true })
		pub.expect(fmt.Sprintf("puback #%d", i+1))
	}
	stop(t, old.Broker)

	var log logbook
	r := newRelay(t, settings(), Parts{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	r.join("both").subscribe(0, 1, "handed/both")
	pub = r.join("pub", clean, fleeting)
	pub.publish("both", "handed over", 1, 1, func(p *mqtt.Publish) { p.Retain = true })
	pub.expect("puback #1")
	r.move(held.Reopen())
	for round := range 2 {
		if v := inventory(t, r.Broker); v.Sessions < 2 || v.Subscriptions != 2 {
			t.Errorf("round %d: got %d sessions with %d subscriptions, want 2 with 2", round, v.Sessions, v.Subscriptions)
		}
		for id, want := range map[string]string{"both": "handed/both", "held": "held/held"} {
			_, subs, ok, err := r.Client(soon(t), id)
			if err != nil || !ok || len(subs) != 1 || subs[0].Filter != want {
				t.Errorf("round %d, %s: got %+v, %v, %v, want %s", round, id, subs, ok, err, want)
			}
		}
		late := r.join("late", clean, fleeting)
		late.subscribe(0, 0, "#")
		got := []string{late.hear(), late.hear()}
		slices.Sort(got)
		if got[0] != "publish both=handed over q0 retain" || got[1] != "publish held=of the store q0 retain" {
			t.Errorf("round %d, retained: got %q", round, got)
		}
		late.Close()
		until(t, "the end of the last client", func() bool { return r.Stats().ClientsConnected == 0 })
		if round == 0 {
			until(t, "the commits", func() bool { return inventory(t, r.Broker).Uncommitted == 0 })
			r.crash()
		}
	}
	if !strings.Contains(log.String(), "the store held state already") {
		t.Errorf("the log does not tell of it:\n%s", &log)
	}
}

func TestAStoreThatCannotKeepWhatIsHandedOverStartsNothing(t *testing.T) {
	r := newRelay(t, settings(), Parts{})
	sub := r.join("sub")
	sub.subscribe(0, 1, "t")
	sub.say(mqtt.AppendPingreq(nil))
	sub.expect("pingresp")
	next, state := r.leave()
	failing := store.NewMemory()
	failing.Fail(errors.New("the disk is gone"))
	next.parts.State, next.parts.Store = state, failing
	if err := next.Start(); err == nil || !strings.Contains(err.Error(), "the disk is gone") {
		t.Errorf("start: got %v, want that the disk is gone", err)
	}
	if err := r.Resume(); err != nil {
		t.Fatal(err)
	}
	if _, present := r.joined("sub"); !present {
		t.Error("no session present")
	}
}

func TestABrokerResumesOnlyWhileItHasItsStore(t *testing.T) {
	mem := store.NewMemory()
	r := newRelay(t, settings(), Parts{Store: mem})
	sub := r.join("sub")
	sub.subscribe(0, 1, "t")
	if err := r.HandOver(soon(t), &full{9}); !errors.Is(err, errFull) {
		t.Fatalf("got %v, want %v", err, errFull)
	}
	if err := r.HandOverStore(soon(t), &bytes.Buffer{}); err == nil {
		t.Error("a store that is open was handed over")
	}
	if err := r.Resume(); err != nil {
		t.Fatal(err)
	}
	pub := r.join("pub")
	pub.publish("t", "x", 1, 1)
	pub.expect("puback #1")
	next, state := r.leave()
	if err := r.Resume(); !errors.Is(err, ErrReleased) {
		t.Errorf("with the store released: got %v, want %v", err, ErrReleased)
	}
	stop(t, r.Broker)
	// The same process takes its own place.
	r.mem = mem.Reopen()
	next.parts.State, next.parts.Store = state, r.mem
	if err := next.Start(); err != nil {
		t.Fatal(err)
	}
	r.Broker = next
	sub, present := r.joined("sub")
	if !present {
		t.Fatal("no session present")
	}
	if got := sub.hear(); !strings.HasPrefix(got, "publish t=x q1") {
		t.Errorf("got %q, want the message", got)
	}
}

// warm is a store that can be read ahead.
type warm struct {
	*store.Memory
	err   error
	times int
}

func (w *warm) Warm(context.Context) error { w.times++; return w.err }

func TestOnlyWhoTakesAPlaceReadsAheadInTheStore(t *testing.T) {
	for _, tt := range []struct {
		state io.Reader
		err   error
		times int
		fails bool
	}{
		{nil, nil, 0, false},
		{&bytes.Buffer{}, nil, 1, false},
		{&bytes.Buffer{}, errors.New("not now"), 1, false},
		{&bytes.Buffer{}, fmt.Errorf("00000001.seg: %w", store.ErrNewer), 1, true},
	} {
		w := &warm{Memory: store.NewMemory(), err: tt.err}
		b := unstarted(t, settings(), Parts{Store: w, State: tt.state})
		if err := b.Prepare(); (err != nil) != tt.fails || w.times != tt.times {
			t.Errorf("%+v: prepared with %v after %d looks", tt, err, w.times)
		}
		stop(t, b)
	}
}

// stuck is a store that cannot be closed in order.
type stuck struct {
	*store.Memory
	errs []error // of one Close after the other
}

func (s *stuck) Close(ctx context.Context) error {
	err := s.Memory.Close(ctx)
	if len(s.errs) > 0 {
		err, s.errs = s.errs[0], s.errs[1:]
	}
	return err
}

// A disk that has failed or is full holds nobody: the next process may find it in order.
func TestABrokerWhoseStoreIsStuckCanBeReplaced(t *testing.T) {
	for name, stick := range map[string]func(*store.Memory){
		"it has failed": func(m *store.Memory) { m.Fail(errors.New("input/output error")) },
		"it is full":    func(m *store.Memory) { m.SetPressure(store.Full) },
		"it is well":    func(*store.Memory) {},
	} {
		t.Run(name, func(t *testing.T) {
			mem := store.NewMemory()
			r := newRelay(t, settings(), Parts{Store: &stuck{mem, []error{errors.New("not all is written")}}})
			r.join("sub").subscribe(0, 1, "t")
			until(t, "the commits", func() bool { return inventory(t, r.Broker).Uncommitted == 0 })
			good := mem.Reopen()
			stick(mem)
			parts := r.parts
			var err error
			if parts.Sockets, err = r.Sockets(); err != nil {
				t.Fatal(err)
			}
			var state bytes.Buffer
			err = r.HandOver(soon(t), &state)
			if name == "it is well" {
				if err == nil {
					t.Error("what was not written is not told")
				}
				return
			}
			if err != nil {
				t.Fatalf("hand over: %v", err)
			}
			before := r.Broker
			parts.State, parts.Store = &state, good
			r.Broker, r.mem = unstarted(t, r.cfg, parts), good
			if err := r.Start(); err != nil {
				t.Fatal(err)
			}
			r.ends.Go(func() { stop(t, before) })
			if _, present := r.joined("sub"); !present {
				t.Error("no session present")
			}
		})
	}
}
