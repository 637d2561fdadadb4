package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/auth"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// watched is a relay with a session that waits for wills.
func watched(t *testing.T, parts Parts) *relay {
	t.Helper()
	cfg := settings()
	cfg.Drain.WillGrace = 30 * time.Second
	r := newRelay(t, cfg, parts)
	r.join("watcher").subscribe(0, 1, "will")
	return r
}

// wills tells what the watcher has got.
func (r *relay) wills() (got []string) {
	r.t.Helper()
	w := r.join("watcher")
	defer w.Close()
	w.say(mqtt.AppendPingreq(nil))
	for {
		s := w.hear()
		if s == "pingresp" {
			return got
		}
		var id uint16
		for _, word := range strings.Fields(s) {
			if n, ok := strings.CutPrefix(word, "#"); ok {
				for _, c := range n {
					id = id*10 + uint16(c-'0')
				}
			} else if p, ok := strings.CutPrefix(word, "will="); ok {
				got = append(got, p)
			}
		}
		w.ack(mqtt.PUBACK, id)
	}
}

func TestWillsOfClientsThatWereSentAway(t *testing.T) {
	for _, c := range []struct {
		name    string
		client  []func(*mqtt.Connect)
		before  func(w *wire) // the hand-over
		back    []func(*mqtt.Connect)
		returns time.Duration // 0: never
		present bool
		early   time.Duration // no will by then
		late    time.Duration // and one by then; 0: none ever
	}{
		{name: "back within the grace", client: list(willing(0, false)), returns: 29 * time.Second, present: true},
		{name: "not back", client: list(willing(0, false)), early: 29 * time.Second, late: 31 * time.Second},
		{name: "back too late", client: list(willing(0, false)), early: 29 * time.Second, returns: 40 * time.Second, present: true, late: 39 * time.Second},
		{name: "a delay above the grace", client: list(willing(60, false)), early: 59 * time.Second, late: 61 * time.Second},
		{name: "a delay below the grace", client: list(willing(10, false)), early: 29 * time.Second, late: 31 * time.Second},
		{name: "a session that ends before the delay", client: list(willing(60, false), func(p *mqtt.Connect) { p.Props.SessionExpiry = 40 }),
			early: 39 * time.Second, late: 42 * time.Second},
		{name: "a clean session that is back", client: list(fleeting, willing(0, false)), returns: 29 * time.Second},
		{name: "a clean session that is not", client: list(fleeting, willing(0, false)), early: 29 * time.Second, late: 31 * time.Second},
		{name: "3.1.1", client: list(v311, clean, willing(0, false)), early: 29 * time.Second, late: 31 * time.Second},
		{name: "3.1.1 with a session, back", client: list(v311, willing(0, false)), back: list(v311), returns: 10 * time.Second, present: true},
		{name: "back with a clean start", client: list(willing(0, false)), back: list(clean), returns: 10 * time.Second},
		{name: "a clean session, back with a clean start", client: list(fleeting, willing(0, false)), back: list(clean), returns: 10 * time.Second},
		{name: "gone before", client: list(willing(0, false)), before: func(w *wire) {
			w.say((&mqtt.Disconnect{}).AppendTo(nil, mqtt.V5, 0))
			_ = w.hear()
		}},
		{name: "retained", client: list(willing(0, true)), early: 29 * time.Second, late: 31 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := watched(t, Parts{})
			w := r.join("c", c.client...)
			if c.before != nil {
				c.before(w)
			}
			r.pass()
			at := time.Duration(0)
			to := func(when time.Duration) {
				r.forward(when - at)
				at = when
			}
			if c.early > 0 {
				to(c.early)
				if got := r.wills(); len(got) > 0 {
					t.Errorf("after %v: got %q", c.early, got)
				}
			}
			if c.late > 0 {
				to(c.late)
				if got := r.wills(); len(got) != 1 || got[0] != "c" {
					t.Errorf("after %v: got %q, want the will", c.late, got)
				}
			}
			if c.returns > 0 {
				to(c.returns)
				if _, present := r.joined("c", c.back...); present != c.present {
					t.Errorf("session present: got %v, want %v", present, c.present)
				}
			}
			to(100 * time.Second)
			if got := r.wills(); len(got) > 0 {
				t.Errorf("in the end: got %q", got)
			}
			if v, want := inventory(t, r.Broker), c.name == "retained"; (v.Retained == 1) != want {
				t.Errorf("retained messages: got %d", v.Retained)
			}
		})
	}
}

func list[T any](all ...T) []T { return all }

func TestAWillThatWaitsGoesOnWaiting(t *testing.T) {
	r := watched(t, Parts{})
	_ = r.join("lost", willing(60, false)).Close()
	until(t, "the end", func() bool { return r.Stats().ClientsConnected == 1 })
	r.join("parted", willing(0, false))
	for range 4 { // a chain does not put it off
		r.pass()
		r.forward(7 * time.Second)
	}
	if got := r.wills(); len(got) > 0 {
		t.Errorf("after 28 s: got %q", got)
	}
	r.forward(7 * time.Second)
	if got := r.wills(); len(got) != 1 || got[0] != "parted" {
		t.Errorf("after 35 s: got %q", got)
	}
	r.pass()
	r.forward(22 * time.Second)
	if got := r.wills(); len(got) > 0 {
		t.Errorf("after 57 s: got %q", got)
	}
	r.forward(8 * time.Second)
	if got := r.wills(); len(got) != 1 || got[0] != "lost" {
		t.Errorf("after 65 s: got %q", got)
	}
}

// belowName lets users publish below their names.
type belowName struct{}

func (belowName) Authorize(id *auth.Identity, a auth.Action, topic []byte, _ byte, _ bool) auth.Verdict {
	if a == auth.Subscribe || strings.HasPrefix(string(topic), id.Username+"/") {
		return auth.Allowed
	}
	return auth.Denied
}

func TestAWillKeepsTheRightsOfItsClient(t *testing.T) {
	cfg := settings()
	cfg.Listeners = append(cfg.Listeners, Listener{Name: "site", Address: "127.0.0.1:0", Mountpoint: "site/"})
	cfg.Drain.WillGrace = time.Second
	r := newRelay(t, cfg, Parts{Authenticator: byName{}, Authorizer: belowName{}})
	user := func(name string) func(*mqtt.Connect) {
		return func(p *mqtt.Connect) { p.HasUsername, p.Username = true, []byte(name) }
	}
	r.join("watcher", user("root")).subscribe(0, 1, "#")
	will := func(topic string) func(*mqtt.Connect) {
		return func(p *mqtt.Connect) {
			p.HasWill, p.Will = true, mqtt.Will{Topic: []byte(topic), QoS: 1}
		}
	}
	r.join("plain", user("ann"), will("ann/plain"))
	r.join("root", user("root"), will("any/thing"))
	r.addr = address(r.Broker, 1)
	r.join("mounted", user("ann"), will("ann/mounted"))
	r.addr = address(r.Broker, 0)
	r.pass()
	r.pass()
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
}

func TestWillsOfAStoreAreDeferredToo(t *testing.T) {
	r := watched(t, Parts{Store: store.NewMemory()})
	r.join("kept", willing(0, false))
	r.join("clean", fleeting, willing(0, false))
	r.join("back", willing(0, false))
	until(t, "the commits", func() bool { return inventory(t, r.Broker).Uncommitted == 0 })
	r.pass()
	r.forward(29 * time.Second)
	if got := r.wills(); len(got) > 0 {
		t.Errorf("after 29 s: got %q", got)
	}
	if _, present := r.joined("back", willing(0, false)); !present {
		t.Error("no session present")
	}
	r.forward(2 * time.Second)
	if got := strings.Join(r.wills(), " "); got != "kept clean" && got != "clean kept" {
		t.Errorf("after 31 s: got %q", got)
	}
}
