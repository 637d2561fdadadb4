package engine

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// press has the store say how it keeps up, and waits until every loop has asked it.
func press(t *testing.T, b *Broker, m *store.Memory, p store.Pressure) {
	t.Helper()
	m.SetPressure(p)
	for i := range b.loops {
		until(t, "the look at the store", func() (yes bool) {
			onLoop(t, b, i, func(l *loop) { yes = l.pressure() == p })
			return yes
		})
	}
}

// greet connects a wire to a broker.
func greet(t *testing.T, addr, id string, keepAlive uint16, with ...func(*mqtt.Connect)) *wire {
	t.Helper()
	p := mqtt.Connect{Version: mqtt.V5, CleanStart: true, ClientID: []byte(id), KeepAlive: keepAlive}
	for _, f := range with {
		f(&p)
	}
	w := newWire(t, "tcp", addr, p.Version)
	w.say(p.AppendTo(nil))
	w.expect("connack 0x00")
	return w
}

func kept(p *mqtt.Connect) {
	p.Props.SessionExpiry = 1000
	p.Props.Set(mqtt.PropSessionExpiry)
}

// waitingForStore counts the connections of a loop that wait for the store.
func waitingForStore(t *testing.T, b *Broker, i int) (n int) {
	onLoop(t, b, i, func(l *loop) {
		for k := range l.connCount {
			if c := l.connAt(k).c; c != nil && c.has(slowed) {
				n++
			}
		}
	})
	return n
}

func TestOnlyWhoseMessagesAreStoredWaitForASlowStore(t *testing.T) {
	mem := store.NewMemory()
	cfg := settings()
	cfg.Loops = 1
	b, addr := serve(t, cfg, Parts{Store: mem})
	keeper := greet(t, addr, "keeper", 0, kept)
	keeper.subscribe(0, 1, "kept")
	plain := greet(t, addr, "plain", 0)
	plain.subscribe(0, 1, "plain")
	press(t, b, mem, store.Slow)
	storing := map[string]*wire{}
	for _, v := range []mqtt.Version{mqtt.V31, mqtt.V311, mqtt.V5} {
		w := greet(t, addr, fmt.Sprint("storing", v), 0, func(p *mqtt.Connect) { p.Version = v })
		w.publish("kept", "first", 1, 1) // it is taken, and nothing that follows
		w.expect("puback #1")
		keeper.expect(fmt.Sprintf("publish kept=first q1 #%d", 2+len(storing)))
		storing[fmt.Sprint(v)] = w
	}
	if n := waitingForStore(t, b, 0); n != 3 {
		t.Fatalf("connections that wait: got %d, want 3", n)
	}
	for _, w := range storing {
		w.publish("kept", "second", 1, 2)
	}
	zero, one := greet(t, addr, "zero", 0), greet(t, addr, "one", 0)
	for i := range 50 {
		zero.publish("kept", "0", 0, 0)
		keeper.expect("publish kept=0 q0")
		one.publish("plain", "1", 1, uint16(i+1))
		one.expect(fmt.Sprintf("puback #%d", i+1))
		plain.expect(fmt.Sprintf("publish plain=1 q1 #%d", i+2))
	}
	zero.nothing()
	if n := waitingForStore(t, b, 0); n != 3 {
		t.Errorf("connections that wait: got %d, want the 3 that had something stored", n)
	}
	onLoop(t, b, 0, (*loop).relax) // another loop has caught up: that is no news of the store
	if n := waitingForStore(t, b, 0); n != 3 {
		t.Errorf("connections that wait after another loop has caught up: got %d, want 3", n)
	}
	press(t, b, mem, store.Ok)
	for range storing {
		keeper.hear()
	}
	for v, w := range storing {
		if got := w.hear(); got != "puback #2" {
			t.Errorf("version %s: got %s, want puback #2", v, got)
		}
	}
}

// Who waits for the store goes on when that is full, and is told.
func TestWhoWaitedForASlowStoreIsRefusedWhenItIsFull(t *testing.T) {
	mem := store.NewMemory()
	b, addr := serve(t, settings(), Parts{Store: mem})
	keeper := greet(t, addr, "keeper", 0, kept)
	keeper.subscribe(0, 1, "kept")
	press(t, b, mem, store.Slow)
	v5, v3 := greet(t, addr, "v5", 0), greet(t, addr, "v3", 0, func(p *mqtt.Connect) { p.Version = mqtt.V311 })
	for _, w := range []*wire{v5, v3} {
		w.publish("kept", "1", 1, 1)
		w.expect("puback #1")
		w.publish("kept", "2", 1, 2)
	}
	press(t, b, mem, store.Full)
	v5.expect("puback #2 0x97")
	v3.expect("end")
	press(t, b, mem, store.Ok)
	v5.publish("kept", "3", 1, 3)
	v5.expect("puback #3")
}

func TestNobodyIsTimedOutWhileTheStoreIsWaitedFor(t *testing.T) {
	var clock steered
	mem := store.NewMemory()
	cfg := settings()
	cfg.Loops = 1
	b, addr := serve(t, cfg, Parts{Store: mem, Clock: clock.now})
	keeper := greet(t, addr, "keeper", 0, kept)
	keeper.subscribe(0, 1, "kept")
	press(t, b, mem, store.Slow)
	w := greet(t, addr, "w", 10)
	w.publish("kept", "1", 1, 1)
	w.expect("puback #1")
	until(t, "the wait", func() bool { return waitingForStore(t, b, 0) == 1 })
	clock.forward(time.Minute)
	passed(t, b, clock.now())
	// It goes on a moment before its timer looks again: what it has said meanwhile is not read yet.
	clock.forward(14 * time.Second)
	passed(t, b, clock.now())
	press(t, b, mem, store.Ok)
	clock.forward(2 * time.Second)
	passed(t, b, clock.now())
	w.publish("kept", "2", 1, 2)
	w.expect("puback #2")
	clock.forward(time.Minute)
	w.expect("disconnect 0x8D", "end")
}

func TestNobodyIsTimedOutBeforeItsConnack(t *testing.T) {
	var clock steered
	mem := store.NewMemory()
	late := &later{Memory: mem}
	b, addr := serve(t, settings(), Parts{Store: late, Clock: clock.now})
	_ = greet(t, addr, "c", 0, kept).Close()
	until(t, "the end of the connection", func() bool { return b.Stats().ClientsConnected == 0 })
	late.delay()
	p := mqtt.Connect{Version: mqtt.V5, CleanStart: true, ClientID: []byte("c"), KeepAlive: 10}
	w := newWire(t, "tcp", addr, mqtt.V5)
	w.say(p.AppendTo(nil))
	until(t, "the commit", late.waits)
	clock.forward(time.Minute)
	passed(t, b, clock.now())
	late.goOn()
	w.expect("connack 0x00")
	w.nothing()
}

// Each client has more under way than the store takes before it is slow. Nobody waits for ever, and all that was
// acknowledged is there.
func TestPublishersOfASlowStoreAllComeToTheirEnd(t *testing.T) {
	mem := store.NewDelayedMemory()
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-quit:
				mem.Run()
				return
			default:
				mem.Step(1)
			}
		}
	}()
	defer func() { close(quit); <-done }()
	b, addr := serve(t, settings(), Parts{Store: drip{mem}})
	away, _ := meet(t, addr, "away", expiry(1000))
	if _, err := away.Subscribe(soon(t), []client.Filter{{Filter: "kept/#", QoS: 2}}, func(*client.Message) {}); err != nil {
		t.Fatal(err)
	}
	_ = away.Close()
	const publishers, messages = 6, 200
	var all sync.WaitGroup
	for p := range publishers {
		c, _ := meet(t, addr, fmt.Sprint("p", p), func(o *client.Options) { o.Version = []mqtt.Version{mqtt.V5, mqtt.V311}[p%2] })
		for part := range 4 { // at a time
			all.Go(func() {
				for i := range messages / 4 {
					if err := c.Publish(soon(t), client.Message{Topic: fmt.Sprintf("kept/%d", p), QoS: byte(1 + (i+part)%2)}); err != nil {
						t.Errorf("publisher %d, message %d of %d: %v", p, i, part, err)
						return
					}
				}
			})
		}
	}
	all.Wait()
	until(t, "the queue", func() bool { return b.Stats().QueuedMessages == publishers*messages })
	for i := range b.loops {
		until(t, "that nobody waits", func() bool { return waitingForStore(t, b, i) == 0 })
	}
}

// Retained messages that a subscription is owed come piece by piece. When the store fails in between, the client must not
// believe that it has them all.
func TestASubscriberWhoseRetainedMessagesAreInDoubtIsClosed(t *testing.T) {
	mem := store.NewMemory()
	late := &later{Memory: mem}
	cfg := settings()
	cfg.Loops = 1
	b, addr := serve(t, cfg, Parts{Store: late})
	for i := range 2 * replayQueue {
		if err := b.Publish(soon(t), Message{Topic: fmt.Appendf(nil, "r/%d", i), Payload: []byte("x"), QoS: 2, Retain: true}); err != nil {
			t.Fatal(err)
		}
	}
	s := greet(t, addr, "s", 0, kept)
	late.delay()
	p := mqtt.Subscribe{ID: 1, Filters: []mqtt.Subscription{{Filter: []byte("r/#"), Options: 2}}}
	s.say(p.AppendTo(nil, s.v, 0))
	until(t, "the subscription and the first part", late.waits)
	late.goOn()
	late.delay()
	until(t, "the second part", late.waits)
	mem.Fail(errors.New("no more disk"))
	late.goOn()
	got := 0
	for heard := s.hear(); !strings.HasPrefix(heard, "end"); heard = s.hear() {
		if strings.HasPrefix(heard, "publish r/") {
			got++
		}
	}
	if got != replayQueue {
		t.Errorf("retained messages: got %d, want the %d of the part that was stored", got, replayQueue)
	}
	if n := b.Stats().ClosedByBroker[mqtt.UnspecifiedError.String()]; n != 1 {
		t.Errorf("connections closed in doubt: got %d, want 1", n)
	}
}
