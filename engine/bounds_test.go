package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// leave has a client begin a session with a subscription and go away. It never expires.
func leave(t *testing.T, b *Broker, addr, id string, filters ...client.Filter) {
	t.Helper()
	online := b.Stats().ClientsConnected
	c, _ := meet(t, addr, id, expiry(1<<32-1))
	if len(filters) > 0 {
		if _, err := c.Subscribe(soon(t), filters, func(*client.Message) {}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Disconnect(soon(t), mqtt.Success); err != nil {
		t.Fatal(err)
	}
	until(t, "the end of "+id+"'s connection", func() bool { return b.Stats().ClientsConnected <= online })
}

// The loops do not ask each other for each message. However many publish at once, what is queued is no more than is
// allowed and what the other loops take while one decides: here what a publisher may have under way.
func TestAllQueuesTogetherStayNearTheirBound(t *testing.T) {
	const loops, sessions, publishers, messages, window, most = 4, 12, 4, 1000, 20, 3000
	for _, policy := range []QueuePolicy{DropOldest, DropNewest, Refuse} {
		t.Run(string(policy), func(t *testing.T) {
			cfg := settings()
			cfg.Loops = loops
			cfg.Limits.ReceiveMaximum = window
			cfg.Session.MaxTotalQueuedMessages = most
			cfg.Session.QueuePolicy = policy
			b, addr := serve(t, cfg, Parts{})
			for i := range sessions {
				leave(t, b, addr, fmt.Sprint("s", i), client.Filter{Filter: fmt.Sprintf("t/%d", i), QoS: 1})
			}
			refused := 0
			var mu sync.Mutex
			var all sync.WaitGroup
			for p := range publishers {
				c, _ := meet(t, addr, fmt.Sprint("p", p))
				for w := range window / 4 {
					all.Go(func() {
						for i := range messages * 4 / window {
							err := c.Publish(soon(t), client.Message{Topic: fmt.Sprintf("t/%d", (p+i+w)%sessions), QoS: 1})
							switch {
							case err == nil:
							case errors.Is(err, mqtt.QuotaExceeded) && policy == Refuse:
								mu.Lock()
								refused++
								mu.Unlock()
							default:
								t.Errorf("publisher %d: %v", p, err)
								return
							}
						}
					})
				}
			}
			all.Wait()
			v := inventory(t, b)
			// A loop knows what the others have taken as of their last pass, in which each window may have come twice.
			if slack := 2 * publishers * window; v.Queued < most || v.Queued > most+slack {
				t.Errorf("queued: got %d, want %d to %d", v.Queued, most, most+slack)
			}
			until(t, "the figures", func() bool { return b.Stats().QueuedMessages == uint64(v.Queued) })
			st := b.Stats()
			if policy == Refuse {
				if len(st.Dropped) != 1 || st.Dropped["queue_refused"] != uint64(refused) || v.Queued+refused != publishers*messages {
					t.Errorf("refused %d times, queued %d of %d messages, dropped %v", refused, v.Queued, publishers*messages, st.Dropped)
				}
			} else if st.Dropped["total_full"] != uint64(publishers*messages-v.Queued) {
				t.Errorf("queued %d of %d messages, dropped %v", v.Queued, publishers*messages, st.Dropped)
			}
		})
	}
}

func TestAReloadEndsTheRefusalOfPublishers(t *testing.T) {
	cfg := settings()
	cfg.Session.QueuePolicy, cfg.Session.MaxQueuedMessages, cfg.Session.MaxTotalQueuedMessages = Refuse, 8, 16
	b, addr := serve(t, cfg, Parts{})
	leave(t, b, addr, "a", client.Filter{Filter: "a", QoS: 1})
	leave(t, b, addr, "b", client.Filter{Filter: "b", QoS: 1})
	leave(t, b, addr, "c", client.Filter{Filter: "c", QoS: 1})
	publish := func(topic string) error { return b.Publish(soon(t), Message{Topic: []byte(topic), QoS: 1}) }
	fill := func(topic string, n int) {
		t.Helper()
		for range n {
			if err := publish(topic); err != nil {
				t.Fatal(err)
			}
			onLoop(t, b, 0, func(*loop) {}) // wherever the session is, it has it
			onLoop(t, b, 1, func(*loop) {})
		}
	}
	refused := func(when string, topics ...string) {
		t.Helper()
		for _, topic := range topics {
			if err := publish(topic); !errors.Is(err, mqtt.QuotaExceeded) {
				t.Errorf("%s, to %s: got %v, want %v", when, topic, err, mqtt.QuotaExceeded)
			}
		}
	}
	reload := func(change func(*Session)) {
		t.Helper()
		change(&cfg.Session)
		if err := b.Reload(cfg); err != nil {
			t.Fatal(err)
		}
		onLoop(t, b, 0, func(*loop) {})
		onLoop(t, b, 1, func(*loop) {})
	}
	fill("a", 8)
	refused("one queue is full", "a")
	fill("b", 8)
	refused("all are full", "a", "b", "c")

	reload(func(s *Session) { s.MaxTotalQueuedMessages = 32 })
	until(t, "room in all together", func() bool { return publish("c") == nil })
	refused("one queue is full still", "a")

	reload(func(s *Session) { s.QueuePolicy = DropOldest })
	fill("a", 1)
	if n := b.Stats().Dropped["queue_full"]; n != 1 {
		t.Errorf("messages that gave way: got %d, want 1", n)
	}
	for _, id := range []string{"a", "b", "c"} {
		if ok, err := b.EndSession(soon(t), id, 0); !ok || err != nil {
			t.Errorf("end of %s: got %v, %v", id, ok, err)
		}
	}
	until(t, "an empty broker", func() bool { return inventory(t, b) == (Inventory{}) })
}

// What is on its way between loops is taken, and may be acknowledged; a queue has no end for all that.
func TestAFullQueueTakesWhatIsOnItsWay(t *testing.T) {
	cfg := settings()
	cfg.Session.QueuePolicy, cfg.Session.MaxQueuedMessages = Refuse, 3
	b, addr := serve(t, cfg, Parts{})
	leave(t, b, addr, "s", client.Filter{Filter: "t", QoS: 1})
	home := 0
	onLoop(t, b, 1, func(l *loop) {
		if l.count.sessions.v.Load() > 0 {
			home = 1
		}
	})
	release := stall(t, b, home)
	onLoop(t, b, 1-home, func(l *loop) {
		for range 10 {
			if err := l.noRoom(&Message{Topic: []byte("t"), QoS: 1}); err != nil {
				t.Error(err)
			}
			l.publishOwn([]byte("t"), nil, 1, false, 0)
		}
	})
	release()
	until(t, "the messages", func() bool { return inventory(t, b).Queued == 10 })
	if err := b.Publish(soon(t), Message{Topic: []byte("t"), QoS: 1}); !errors.Is(err, mqtt.QuotaExceeded) {
		t.Errorf("the next one: got %v, want %v", err, mqtt.QuotaExceeded)
	}
	onLoop(t, b, home, func(l *loop) { // wills, say
		for range underWay.messages {
			l.publishOwn([]byte("t"), nil, 1, false, 0)
		}
	})
	st := b.Stats()
	if n := inventory(t, b).Queued; n != int(underWay.messages)+3 || st.Dropped["queue_full"] != 10-3 {
		t.Errorf("queued: got %d, want %d; dropped %v", n, underWay.messages+3, st.Dropped)
	}
}

// A million looks, more or less, must not hold a loop up: a tick looks at so many and no more.
func TestASweepLooksAtSoManyInATick(t *testing.T) {
	var clock steered
	cfg := settings()
	cfg.Loops = 1
	b, addr := serve(t, cfg, Parts{Clock: clock.now})
	leave(t, b, addr, "s", client.Filter{Filter: "t", QoS: 1})
	const messages = 3*sweepLooks + 10
	onLoop(t, b, 0, func(l *loop) {
		for i := range messages {
			expiry := time.Hour
			if i%3 == 0 {
				expiry = time.Minute
			}
			l.publishOwn([]byte("t"), nil, 1, false, expiry)
		}
	})
	clock.forward(2 * time.Minute)
	onLoop(t, b, 0, func(l *loop) {
		l.update()
		l.looking = sessionSweep{} // a tick before the clock was put forward may have begun
		for tick := range 10 {
			before := l.backlog.messages
			l.sweepSessions()
			if n := before - l.backlog.messages; n > sweepLooks/3+1 {
				t.Errorf("tick %d: %d messages went, want at most the third of %d", tick, n, sweepLooks)
			}
		}
	})
	gone := (messages + 2) / 3
	if v := inventory(t, b); v.Queued != messages-gone || v.Messages != int64(v.Queued) {
		t.Errorf("got %d messages queued and %d in memory, want %d", v.Queued, v.Messages, messages-gone)
	}
	if n := b.Stats().Dropped["expired"]; n != uint64(gone) {
		t.Errorf("got %d messages counted, want %d", n, gone)
	}
}

func TestANoticeIsLoggedNowAndThen(t *testing.T) {
	var log written
	cfg := settings()
	cfg.Session.QueuePolicy, cfg.Session.MaxQueuedMessages = Refuse, 1
	b, addr := serve(t, cfg, Parts{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	leave(t, b, addr, "s", client.Filter{Filter: "t", QoS: 1})
	p, _ := meet(t, addr, "p")
	refuse := func(n int) {
		t.Helper()
		for range n {
			if err := p.Publish(context.Background(), client.Message{Topic: "t", QoS: 1}); !errors.Is(err, mqtt.QuotaExceeded) {
				t.Fatalf("got %v, want %v", err, mqtt.QuotaExceeded)
			}
		}
	}
	if err := p.Publish(soon(t), client.Message{Topic: "t", QoS: 1}); err != nil {
		t.Fatal(err)
	}
	until(t, "the full queue", func() bool { return inventory(t, b).Full == 1 })
	text := noticeTexts[noticeQueueRefused].text
	refuse(50)
	if n := log.count(text); n != 1 {
		t.Errorf("after 50 refusals: logged %d times, want once", n)
	}
	b.noticed[noticeQueueRefused].next.Store(0) // the pause is over
	refuse(50)
	if n := log.count(text); n != 2 {
		t.Errorf("after a pause: logged %d times, want twice", n)
	}
	if n := b.Stats().Dropped["queue_refused"]; n != 100 {
		t.Errorf("counted: got %d, want 100", n)
	}
}

// written is a log that a test reads.
type written struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *written) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(b)
}

func (w *written) count(text string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Count(w.text.String(), text)
}
