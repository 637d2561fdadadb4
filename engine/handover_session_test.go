package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/auth"
)

// byName calls everybody by his user name; root may do everything.
type byName struct{}

func (byName) Authenticate(_ context.Context, r *auth.Request) auth.Decision {
	return auth.Decision{Result: auth.Allow, Principal: "user " + r.Username, Superuser: r.Username == "root"}
}

func TestOpenExchangesGoOnBehindAHandOver(t *testing.T) {
	r := newRelay(t, settings(), Parts{})
	pub := r.join("pub")
	sub := r.join("sub", window(4))
	sub.subscribe(0, 2, "t")
	for i := range 6 {
		pub.publish("t", fmt.Sprint(i), []byte{2, 1, 2, 2, 1, 2}[i], uint16(i+1))
	}
	pub.expect("pubrec #1", "puback #2", "pubrec #3", "pubrec #4", "puback #5", "pubrec #6")
	sub.expect("publish t=0 q2 #2", "publish t=1 q1 #3", "publish t=2 q2 #4", "publish t=3 q2 #5")
	sub.ack(mqtt.PUBREC, 4) // not in the order of the PUBLISHes
	sub.ack(mqtt.PUBREC, 2)
	sub.expect("pubrel #4", "pubrel #2")
	pub.ack(mqtt.PUBREL, 1)
	pub.expect("pubcomp #1")
	for range 3 {
		r.pass()
		for _, w := range []*wire{sub, pub} {
			w.expect("disconnect 0x8B", "end")
		}
		var present bool
		if sub, present = r.joined("sub", window(4)); !present {
			t.Fatal("no session present")
		}
		// The PUBRELs in the order of the PUBRECs, then what was sent as a repeat; the rest waits for the window.
		sub.expect("pubrel #4", "pubrel #2", "publish t=1 q1 #3 dup", "publish t=3 q2 #5 dup")
		sub.nothing()
		if pub, present = r.joined("pub"); !present {
			t.Fatal("no session present")
		}
		pub.publish("t", "2", 2, 3, func(p *mqtt.Publish) { p.Dup = true })
		pub.expect("pubrec #3")
	}
	sub.ack(mqtt.PUBCOMP, 4)
	sub.expect("publish t=4 q1 #6") // never sent before: no DUP
	sub.ack(mqtt.PUBCOMP, 2)
	sub.expect("publish t=5 q2 #7")
	sub.ack(mqtt.PUBACK, 3)
	sub.ack(mqtt.PUBREC, 5)
	sub.expect("pubrel #5")
	for _, id := range []uint16{3, 4, 6} {
		pub.ack(mqtt.PUBREL, id)
		pub.expect(fmt.Sprintf("pubcomp #%d", id))
	}
	pub.publish("t", "6", 2, 3) // the identifier is free again
	pub.expect("pubrec #3")
	sub.expect("publish t=6 q2 #8")
}

func TestSubscriptionsKeepTheirOptions(t *testing.T) {
	r := newRelay(t, settings(), Parts{})
	c := r.join("c")
	c.subscribe(7, mqtt.SubscriptionOptions(1, false, true, 0), "a/+")
	c.subscribe(9, mqtt.SubscriptionOptions(2, false, false, 0), "a/#")
	c.subscribe(0, mqtt.SubscriptionOptions(1, true, false, 0), "own")
	c.subscribe(0, mqtt.SubscriptionOptions(0, false, true, 0), "low")
	old := r.join("old", v311)
	old.subscribe(0, 1, "a/b", "$share/g/old/+")
	for round := range 3 {
		if round > 0 {
			r.pass()
			c, old = r.join("c"), r.join("old", v311)
		}
		pub := r.join("pub", clean, fleeting)
		pub.publish("a/b", "1", 2, 1, func(p *mqtt.Publish) {
			p.Retain = true
			p.Props.ContentType = []byte("text")
			p.Props.Set(mqtt.PropContentType)
			p.Props.User = []mqtt.UserProperty{{Name: []byte("k"), Value: []byte("v")}}
		})
		pub.expect("pubrec #1")
		pub.publish("low", "2", 1, 2, func(p *mqtt.Publish) { p.Retain = true })
		pub.expect("puback #2")
		pub.publish("old/x", "3", 1, 3)
		pub.expect("puback #3")
		id := uint16(2 + round) // they go on
		c.expect(fmt.Sprintf("publish a/b=1 q2 #%d retain ids[7 9] type text k:v", id))
		c.expect("publish low=2 q0 retain")
		c.ack(mqtt.PUBREC, id)
		c.expect(fmt.Sprintf("pubrel #%d", id))
		c.ack(mqtt.PUBCOMP, id)
		c.publish("own", "x", 1, 5)
		c.expect("puback #5") // and not the message
		got := []string{old.hear(), old.hear()}
		slices.Sort(got)
		for i, topic := range []string{"a/b=1", "old/x=3"} {
			if !strings.Contains(got[i], topic+" q1") {
				t.Errorf("round %d, 3.1.1: got %q", round, got)
			}
		}
		c.nothing()
		if v := inventory(t, r.Broker); v.Subscriptions != 6 {
			t.Errorf("round %d: subscriptions: got %d, want 6", round, v.Subscriptions)
		}
		old.ack(mqtt.PUBACK, uint16(2+2*round))
		old.ack(mqtt.PUBACK, uint16(3+2*round))
		old.nothing()
	}
}

func TestSharedSubscriptionsKeepTheirMembersAndMessages(t *testing.T) {
	r := newRelay(t, settings(), Parts{})
	members := []string{"m0", "m1", "m2"}
	for _, id := range members {
		r.join(id, window(1)).subscribe(3, 2, "$share/g/job")
	}
	r.join("single").subscribe(0, 2, "$share/h/job")
	until(t, "the members", func() bool { return inventory(t, r.Broker).Subscriptions == 4 })
	r.pass()
	pub := r.join("pub")
	for i := range 30 { // everybody is offline
		pub.publish("job", fmt.Sprint(i), 1+byte(i%2), uint16(i+1))
		_ = pub.hear()
	}
	r.pass()
	seen := map[string]int{}
	for _, id := range append(members, "single") {
		w := r.join(id)
		w.say(mqtt.AppendPingreq(nil))
		last := -1
		for {
			s := w.hear()
			if s == "pingresp" {
				break
			}
			var n int
			var qos byte
			var packet uint16
			if _, err := fmt.Sscanf(s, "publish job=%d q%d #%d", &n, &qos, &packet); err != nil {
				t.Fatalf("%s: got %s", id, s)
			}
			if group := id[:1]; n <= last {
				t.Errorf("%s of %s: %d came after %d", id, group, n, last)
			}
			if strings.Contains(s, "ids[3]") != (id != "single") || strings.Contains(s, "dup") {
				t.Errorf("%s: got %s", id, s)
			}
			last = n
			seen[fmt.Sprint(id[:1], n)]++
		}
	}
	for i := range 30 {
		for _, group := range []string{"m", "s"} {
			if n := seen[fmt.Sprint(group, i)]; n != 1 {
				t.Errorf("message %d came to group %s %d times, want once", i, group, n)
			}
		}
	}
}

func TestTheOpenWindowTakesNoRoomInTheQueue(t *testing.T) {
	cfg := settings()
	cfg.Session.MaxQueuedMessages = 4
	r := newRelay(t, cfg, Parts{})
	sub, pub := r.join("sub", window(3)), r.join("pub")
	sub.subscribe(0, 1, "t")
	for i := range 7 {
		pub.publish("t", fmt.Sprint(i), 1, uint16(i+1))
		pub.expect(fmt.Sprintf("puback #%d", i+1))
	}
	r.pass()
	pub = r.join("pub")
	pub.publish("t", "7", 1, 9) // one too many
	pub.expect("puback #9")
	sub = r.join("sub", window(20))
	sub.expect("publish t=0 q1 #2 dup", "publish t=1 q1 #3 dup", "publish t=2 q1 #4 dup",
		"publish t=4 q1 #6", "publish t=5 q1 #7", "publish t=6 q1 #8", "publish t=7 q1 #9")
	sub.nothing()
}

func TestLifetimesGoOn(t *testing.T) {
	r := newRelay(t, settings(), Parts{})
	sub, pub := r.join("sub"), r.join("pub")
	sub.subscribe(0, 1, "q")
	short := r.join("short", func(p *mqtt.Connect) { p.Props.SessionExpiry = 60 })
	_ = sub.Close()
	_ = short.Close()
	until(t, "the ends", func() bool { return inventory(t, r.Broker).Connections == 1 })
	lasting := func(seconds uint32) func(*mqtt.Publish) {
		return func(p *mqtt.Publish) {
			p.Props.MessageExpiry = seconds
			p.Props.Set(mqtt.PropMessageExpiry)
		}
	}
	retained := func(p *mqtt.Publish) { p.Retain = true }
	pub.publish("q", "long", 1, 1, lasting(100))
	pub.publish("q", "short", 1, 2, lasting(30))
	pub.publish("r/long", "x", 1, 3, lasting(100), retained)
	pub.publish("r/short", "x", 1, 4, lasting(30), retained)
	pub.publish("r/ever", "x", 0, 0, retained)
	pub.expect("puback #1", "puback #2", "puback #3", "puback #4")
	r.forward(20 * time.Second)
	r.pass()
	r.forward(20 * time.Second)
	r.pass() // what has expired by now is not raised again
	sub = r.join("sub")
	sub.expect("publish q=long q1 #2 expiry 60")
	sub.nothing()
	sub.subscribe(0, 0, "x")
	sub.say((&mqtt.Subscribe{ID: 3, Filters: []mqtt.Subscription{{Filter: []byte("r/+"), Options: 1}}}).AppendTo(nil, mqtt.V5, 0))
	sub.expect("suback")
	got := []string{sub.hear(), sub.hear()}
	slices.Sort(got)
	if !strings.HasPrefix(got[0], "publish r/ever=x q0 retain") || !strings.Contains(got[1], "r/long=x") || !strings.Contains(got[1], "expiry 60") {
		t.Errorf("retained: got %q", got)
	}
	sub.nothing()
	r.forward(15 * time.Second) // 55 of the 60 seconds; rounded up twice
	if _, present := r.joined("other", clean); present {
		t.Error("a new client has a session")
	}
	if v := inventory(t, r.Broker); v.Sessions != 4 {
		t.Errorf("sessions before the end of the shortest: got %d, want 4", v.Sessions)
	}
	r.forward(10 * time.Second)
	until(t, "the end of the session", func() bool { return inventory(t, r.Broker).Sessions == 3 })
}

func TestCleanSessionsEndWithAHandOver(t *testing.T) {
	r := newRelay(t, settings(), Parts{})
	for _, w := range []*wire{r.join("five", fleeting), r.join("three", v311, clean)} {
		w.subscribe(0, 1, "t", "$share/g/t")
	}
	r.pass()
	if v := inventory(t, r.Broker); v != (Inventory{}) {
		t.Errorf("got %+v, want nothing", v)
	}
	for _, present := range []bool{must2(r.joined("five")), must2(r.joined("three", v311))} {
		if present {
			t.Error("a session that ends with its connection is present")
		}
	}
}

func must2(_ *wire, present bool) bool { return present }

func TestASessionKeepsWhoBeganIt(t *testing.T) {
	r := newRelay(t, settings(), Parts{Authenticator: byName{}})
	login := func(p *mqtt.Connect) { p.HasUsername, p.Username = true, []byte("ann") }
	r.join("c", login).subscribe(0, 1, "t")
	for range 2 {
		r.pass()
		c, subs, ok, err := r.Client(soon(t), "c")
		if err != nil || !ok || c.Username != "ann" || c.Principal != "user ann" || c.Version != mqtt.V5 || c.Expiry != 1000 || len(subs) != 1 {
			t.Errorf("got %+v %+v %v %v", c, subs, ok, err)
		}
	}
}
