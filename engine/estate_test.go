package engine

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// gatedLoads is a store whose Loads wait until they are let go.
type gatedLoads struct {
	*store.Memory
	mu    sync.Mutex
	held  bool
	loads []func()
}

func (s *gatedLoads) Load(refs []store.Ref, done func([]store.Message, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if load := func() { s.Memory.Load(refs, done) }; s.held {
		s.loads = append(s.loads, load)
	} else {
		load()
	}
}

func (s *gatedLoads) waiting() int { s.mu.Lock(); defer s.mu.Unlock(); return len(s.loads) }

// heirs is a broker on which a session has messages of a shared subscription that lie in the store only, 200 of it, of
// which "one" was sent the first three.
func heirs(t *testing.T) (r *relay, st *gatedLoads) {
	t.Helper()
	st = &gatedLoads{Memory: store.NewMemory()}
	r = &relay{t: t, cfg: settings(), mem: st.Memory, parts: Parts{Store: st}}
	r.parts.Clock = r.clock.now
	r.Broker = unstarted(t, r.cfg, r.parts)
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, r.Broker); r.ends.Wait() })
	r.addr = address(r.Broker, 0)
	lasting := func(p *mqtt.Connect) { p.Props.SessionExpiry = 10000 }
	one, two := r.join("one", window(3)), r.join("two", lasting)
	one.subscribe(0, 2, "$share/g/job/#")
	two.subscribe(0, 1, "other")
	pub := r.join("pub", clean, fleeting)
	publish := func(from, to int) {
		for i := from; i <= to; i++ {
			qos := byte(1 + i%2)
			pub.publish(fmt.Sprint("job/", i%3), fmt.Sprint(i), qos, uint16(i))
			if pub.expect(fmt.Sprintf("%s #%d", []string{"puback", "pubrec"}[qos-1], i)); qos == 2 {
				pub.ack(mqtt.PUBREL, uint16(i))
				pub.expect(fmt.Sprintf("pubcomp #%d", i))
			}
		}
	}
	publish(1, 3)
	for range 3 {
		one.hear()
	}
	r.sever(one)
	publish(4, 200)
	two.subscribe(0, 2, "$share/g/job/#", "$share/h/never")
	r.sever(two)
	_ = pub.Close()
	return r, st
}

// again starts the next broker on what was committed.
func (r *relay) again(st *gatedLoads, held bool) *gatedLoads {
	r.t.Helper()
	before := r.Broker
	next := &gatedLoads{Memory: st.Reopen(), held: held}
	r.mem, r.parts.Store = next.Memory, next
	r.Broker = unstarted(r.t, r.cfg, r.parts)
	if err := r.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.addr = address(r.Broker, 0)
	r.ends.Go(func() { stop(r.t, before) })
	return next
}

// inherited takes all that waits for a client, and lists the numbers that came.
func (r *relay) inherited(id string) (got []int) {
	r.t.Helper()
	until(r.t, "quiet", func() bool { return quiet(r.t, r.Broker) })
	w := r.join(id, window(1000), func(p *mqtt.Connect) { p.Props.SessionExpiry = 10000 })
	for {
		c, _, _, err := r.Client(soon(r.t), id)
		if err != nil {
			r.t.Fatal(err)
		}
		if c.Queued == 0 {
			break
		}
	}
	w.say(mqtt.AppendPingreq(nil))
	for {
		s := w.hear()
		if s == "pingresp" {
			return got
		}
		var topic, n int
		if _, err := fmt.Sscanf(s, "publish job/%d=%d", &topic, &n); err != nil || strings.Contains(s, "dup") {
			r.t.Errorf("%s: got %s", id, s)
		}
		got = append(got, n)
	}
}

// What the session has left goes to the other member: all but the two messages at QoS 2 that were sent once. Those at QoS 2
// wait for a commit each time, so they may come behind others.
func wantInheritance(t *testing.T, got []int) {
	t.Helper()
	for qos := 1; qos <= 2; qos++ {
		var want, came []int
		for n := 1; n <= 200; n++ {
			if 1+n%2 == qos && n != 1 && n != 3 {
				want = append(want, n)
			}
		}
		for _, n := range got {
			if 1+n%2 == qos {
				came = append(came, n)
			}
		}
		if !slices.Equal(came, want) {
			t.Errorf("inherited at QoS %d: got %v, want 2 or 5 to 200, in order", qos, came)
		}
	}
}

func TestWhatASessionLeavesInTheStoreGoesToOtherMembers(t *testing.T) {
	kick := func(r *relay) {
		if ok, err := r.EndSession(soon(r.t), "one", mqtt.AdministrativeAction); !ok || err != nil {
			r.t.Fatalf("end the session: %v, %v", ok, err)
		}
	}
	cleanOn := func(loop int) func(r *relay) {
		return func(r *relay) {
			p := mqtt.Connect{Version: mqtt.V5, CleanStart: true, ClientID: []byte("one")}
			w := &wire{Conn: connOn(r.t, r.Broker, r.addr, loop), t: r.t, v: mqtt.V5, buf: make([]byte, 4096)}
			w.say(p.AppendTo(nil))
			w.expect("connack 0x00")
			_ = w.Close()
		}
	}
	later := func(r *relay) { // the other member has been away for less long
		r.forward(90 * time.Second)
		r.sever(r.join("two", window(1), func(p *mqtt.Connect) { p.Props.SessionExpiry = 10000 }))
	}
	reload := func(r *relay) {
		if err := r.Reload(r.cfg); err != nil {
			r.t.Fatal(err)
		}
	}
	for name, end := range map[string]func(r *relay){
		"it is ended":                   kick,
		"it is ended while connected":   func(r *relay) { r.join("one", window(1)); kick(r) },
		"a clean start on loop 0":       cleanOn(0),
		"a clean start on loop 1":       cleanOn(1),
		"a clean start while connected": func(r *relay) { r.join("one", window(1)); cleanOn(0)(r) },
		"an expiry":                     func(r *relay) { r.forward(1001 * time.Second) },
		"its age": func(r *relay) {
			later(r)
			r.cfg.Session.MaxOfflineAge = 100 * time.Second
			reload(r)
			r.forward(15 * time.Second)
			until(r.t, "the end of one", func() bool { return r.Stats().SessionsEnded["offline_age"] == 1 })
		},
		"the bound of sessions": func(r *relay) {
			later(r)
			r.cfg.Session.MaxOfflineSessions = 1
			reload(r)
			r.forward(offlineGrace)
			until(r.t, "the end of one", func() bool { return r.Stats().SessionsEnded["offline_limit"] == 1 })
		},
		"a DISCONNECT that says so": func(r *relay) {
			var bye mqtt.Disconnect
			bye.Props.Set(mqtt.PropSessionExpiry)
			w := r.join("one", window(1))
			w.hear()
			w.say(bye.AppendTo(nil, mqtt.V5, 0))
		},
		"a connection that it ends with": func(r *relay) {
			w := r.join("one", fleeting, window(1))
			w.hear()
			_ = w.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, st := heirs(t)
			st = r.again(st, false)
			end(r)
			wantInheritance(t, r.inherited("two"))
			audit(t, r.Broker, st)
			if _, present := r.joined("one"); present {
				t.Error("the session is there")
			}
		})
	}
}

// A session that comes back to end with its connection gets what waits for it in the store; in a crash the others do.
func TestASessionThatEndsWithItsConnectionGetsWhatWaitsInTheStore(t *testing.T) {
	r, st := heirs(t)
	st = r.again(st, false)
	w := r.join("one", fleeting)
	for n := 1; n <= 200; n++ {
		if s := w.hear(); !strings.HasPrefix(s, fmt.Sprintf("publish job/%d=%d ", n%3, n)) {
			t.Fatalf("message %d: got %s", n, s)
		}
	}
	_ = w.Close()
	until(t, "its end", func() bool { return inventory(t, r.Broker).Connections == 0 && quiet(t, r.Broker) })
	for id, a := range storeAccounts(t, st) {
		if a[`client "one"`] > 0 {
			t.Errorf("the store has session %d still", id)
		}
	}
	audit(t, r.Broker, st)
}

func TestASessionThatEndsWithItsConnectionLeavesWhatWaitsWhenTheBrokerDies(t *testing.T) {
	r, st := heirs(t)
	st = r.again(st, true)
	r.join("one", fleeting, window(1))
	until(t, "the Load", func() bool { return st.waiting() == 1 && inventory(t, r.Broker).Uncommitted == 0 })
	st = r.again(st, false)
	got := r.inherited("two")
	for n := 2; n <= 200; n += 2 { // at QoS 1; of the others nobody knows whether they were sent
		if !slices.Contains(got, n) {
			t.Errorf("message %d is lost", n)
		}
	}
	if _, present := r.joined("one"); present {
		t.Error("the session is there")
	}
	audit(t, r.Broker, st)
}

// A crash in the middle loses nothing, and the session does not rise again.
func TestWhatASessionLeavesSurvivesACrash(t *testing.T) {
	r, st := heirs(t)
	st = r.again(st, true)
	r.join("one", clean, fleeting).Close()
	for round := range 3 {
		until(t, "the Load", func() bool { return st.waiting() == 1 })
		if round == 1 { // the first part goes
			st.mu.Lock()
			load := st.loads[0]
			st.loads = nil
			st.mu.Unlock()
			load()
			until(t, "the next Load", func() bool { return st.waiting() == 1 && inventory(t, r.Broker).Uncommitted == 0 })
		}
		st = r.again(st, round < 2)
		if n := inventory(t, r.Broker).Sessions; n != 1 {
			t.Errorf("round %d: got %d sessions, want the other member's", round, n)
		}
	}
	wantInheritance(t, r.inherited("two"))
	audit(t, r.Broker, st)
	if _, present := r.joined("one"); present {
		t.Error("the session has risen again")
	}
}

// The later session of a client counts; what the earlier one had for a shared subscription is not lost with it.
func TestAnEarlierSessionOfAClientLeavesItsSharedMessages(t *testing.T) {
	r, st := heirs(t)
	var b store.Batch
	b.Session(&store.Session{ID: 1 << 40, ClientID: []byte("one"), Version: 5, Expiry: 1000})
	st.Append(&b, nil)
	st = r.again(st, false)
	wantInheritance(t, r.inherited("two"))
	audit(t, r.Broker, st)
}

func TestWhatASessionHasLeftIsHandedOver(t *testing.T) {
	r, st := heirs(t)
	st = r.again(st, true)
	r.join("one", clean, fleeting).Close()
	until(t, "the Load", func() bool { return st.waiting() == 1 && inventory(t, r.Broker).Connections == 0 })
	before := r.Broker
	next, state := r.leave()
	if err := before.HandOverStore(soon(t), state); err != nil {
		t.Fatal(err)
	}
	r.mem, r.parts.Store, next.parts.Store, next.parts.State = nil, nil, nil, bytes.NewReader(state.Bytes()) // into memory
	if err := next.Start(); err != nil {
		t.Fatal(err)
	}
	r.Broker = next
	stop(t, before)
	wantInheritance(t, r.inherited("two"))
}

// A member that was chosen ends before the message comes to its loop. The publisher is answered: a crash then loses nothing.
func TestASharedMessageOnItsWayToASessionThatEndsIsNotLostInACrash(t *testing.T) {
	for _, crash := range []bool{false, true} {
		for qos := byte(1); qos <= 2; qos++ {
			t.Run(fmt.Sprintf("crash %v, QoS %d", crash, qos), func(t *testing.T) { strayFor(t, qos, crash) })
		}
	}
}

func strayFor(t *testing.T, qos byte, crash bool) {
	r := newRelay(t, settings(), Parts{Store: store.NewMemory()})
	lasting := func(p *mqtt.Connect) { p.Props.SessionExpiry = 10000 }
	one := r.join("one")
	one.subscribe(0, 2, "$share/g/job")
	_, home, _ := r.directory.lookup("one")
	r.sever(one)
	two := &wire{Conn: connOn(t, r.Broker, r.addr, int(1-home)), t: t, v: mqtt.V5, buf: make([]byte, 4096)}
	p := mqtt.Connect{Version: mqtt.V5, ClientID: []byte("two")}
	p.Props.Set(mqtt.PropSessionExpiry)
	lasting(&p)
	two.say(p.AppendTo(nil))
	two.expect("connack 0x00")
	busy, gate, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var crashed *store.Memory
	r.loops[home].post(func(l *loop) {
		defer close(over)
		close(busy)
		<-gate
		l.eachSession(func(s *sess) {
			if s.ClientID == "one" {
				l.endSession(s, true)
			}
		})
		if l.commit(); crash {
			crashed = r.mem.Reopen()
		}
	})
	<-busy
	two.publish("job", "x", qos, 7)
	two.expect([]string{"puback #7", "pubrec #7"}[qos-1])
	two.subscribe(0, 2, "$share/g/job")
	close(gate)
	<-over
	if crash {
		_ = two.Close()
		r.mem = crashed
		r.crash()
		until(t, "quiet", func() bool { return quiet(t, r.Broker) })
		two = r.join("two", lasting)
	}
	two.expect(fmt.Sprintf("publish job=x q%d #2", qos))
	two.nothing()
	if _, present := r.joined("one", clean, fleeting); present {
		t.Error("the session has risen again")
	}
	audit(t, r.Broker, r.mem)
	for id, a := range storeAccounts(t, r.mem) {
		if a[`client "one"`] > 0 {
			t.Errorf("the store has session %d still", id)
		}
	}
}
