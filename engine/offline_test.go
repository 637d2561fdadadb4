package engine

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// ids lists the clients that have a session.
func ids(t *testing.T, b *Broker) (list []string) {
	t.Helper()
	page, err := b.Clients(soon(t), ClientQuery{Limit: 10000})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range page.Clients {
		list = append(list, c.ClientID)
	}
	slices.Sort(list)
	return list
}

// Sessions of four loops lose their connections in waves. Those of the last waves are left when the bound is set lower, and
// each one more ends the one that is away for longest.
func TestOfTooManySessionsThoseEndThatAreAwayForLongest(t *testing.T) {
	var clock steered
	cfg := settings()
	cfg.Loops, cfg.Session.MaxOfflineSessions = 4, 0
	b, addr := serve(t, cfg, Parts{Clock: clock.now})
	const waves, each = 6, 10
	var want []string
	for wave := range waves {
		for i := range each {
			id := fmt.Sprintf("%d-%02d", wave, i)
			leave(t, b, addr, id)
			want = append(want, id)
		}
		clock.forward(10 * time.Second)
		passed(t, b, clock.now())
	}
	back := mqtt.Connect{Version: mqtt.V311, ClientID: []byte("0-00")}
	w := newWire(t, "tcp", addr, mqtt.V311)
	w.say(back.AppendTo(nil))
	w.expect("connack 0x00 present") // it is not away
	cfg.Session.MaxOfflineSessions = 2 * each
	if err := b.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	want = append([]string{"0-00"}, want[(waves-2)*each:]...)
	until(t, "the end of those beyond the bound", func() bool { return b.Stats().SessionsOffline <= 2*each })
	if got := ids(t, b); !slices.Equal(got, want) {
		t.Errorf("left: got %v, want %v", got, want)
	}
	const ended = waves*each - 1 - 2*each
	st := b.Stats()
	if n := st.SessionsEnded["offline_limit"]; n != ended || st.SessionsOffline != 2*each {
		t.Errorf("ended: got %d, want %d; without a connection: got %d, want %d", n, ended, st.SessionsOffline, 2*each)
	}
	for i := range each {
		leave(t, b, addr, fmt.Sprintf("new-%d", i))
		until(t, "the end of one", func() bool { return b.Stats().SessionsEnded["offline_limit"] == uint64(ended+i+1) })
	}
	if got := ids(t, b); len(got) != 2*each+1 || got[1] != "5-00" {
		t.Errorf("left: got %v, want those of wave 5, of the new ones, and 0-00", got)
	}
}

// What is out of date in the list of those that are away does not pile up.
func TestTheListOfAbsentSessionsIsAsLongAsThereAreSome(t *testing.T) {
	cfg := settings()
	cfg.Loops = 1
	b, addr := serve(t, cfg, Parts{})
	leave(t, b, addr, "first")
	leave(t, b, addr, "second")
	onLoop(t, b, 0, func(l *loop) {
		var first *sess
		for _, s := range l.table[0] {
			if s != nil && s.ClientID == "first" {
				first = s
			}
		}
		for range 100_000 {
			l.tick++
			first.awayAt = l.tick // it came and went
			l.absent.add(first)
			l.absent.tidy(l)
		}
		if n := len(l.absent.list); n > 5000 {
			t.Errorf("entries for two sessions: got %d", n)
		}
		if s := l.absent.longest(l); s == nil || s.ClientID != "second" {
			t.Errorf("away for longest: got %v, want the second", s)
		}
		first.awayAt = 0
	})
}

func TestAReloadOfTheAgeHoldsForThoseThatAreAwayAlready(t *testing.T) {
	var clock steered
	cfg := settings()
	cfg.Session.MaxOfflineAge = 100 * time.Second
	b, addr := serve(t, cfg, Parts{Clock: clock.now})
	later := func(d time.Duration) {
		t.Helper()
		clock.forward(d)
		passed(t, b, clock.now())
	}
	reload := func(age time.Duration) {
		t.Helper()
		cfg.Session.MaxOfflineAge = age
		if err := b.Reload(cfg); err != nil {
			t.Fatal(err)
		}
		onLoop(t, b, 0, func(*loop) {})
		onLoop(t, b, 1, func(*loop) {})
	}
	leave(t, b, addr, "old")
	later(50 * time.Second)
	leave(t, b, addr, "young")
	reload(300 * time.Second)
	later(100 * time.Second)
	if got := ids(t, b); len(got) != 2 {
		t.Errorf("after 150 s, with 300 s allowed: got %v, want both", got)
	}
	reload(120 * time.Second)
	later(10 * time.Second) // the sweep pauses
	until(t, "the end of the old one", func() bool { return len(ids(t, b)) == 1 })
	if got := ids(t, b); got[0] != "young" {
		t.Errorf("left: got %v, want the young one", got)
	}
	later(15 * time.Second)
	until(t, "the end of the young one", func() bool { return len(ids(t, b)) == 0 })
	if n := b.Stats().SessionsEnded["offline_age"]; n != 2 {
		t.Errorf("ended by their age: got %d, want 2", n)
	}
}

// A hand-over takes everybody's connection away, and gives them time to come back: nobody's session ends for it.
func TestNobodysSessionEndsForAHandOver(t *testing.T) {
	cfg := settings()
	cfg.Session.MaxOfflineSessions = 2
	r := newRelay(t, cfg, Parts{})
	for i := range 10 {
		r.join(fmt.Sprint("c", i))
	}
	r.pass()
	r.forward(offlineGrace - 10*time.Second)
	for i := range 8 {
		if _, present := r.joined(fmt.Sprint("c", i)); !present {
			t.Errorf("c%d has no session any more", i)
		}
	}
	extra := r.join("c8")
	r.forward(20 * time.Second)
	_ = extra.Close()
	until(t, "two without a connection", func() bool { return r.Stats().SessionsOffline == 2 })
	if got := ids(t, r.Broker); len(got) != 10 {
		t.Errorf("sessions: got %v, want all 10", got)
	}
}

// Sessions with many messages end a few in a pass, so that nobody else waits for all of them, and all in the end.
func TestLargeSessionsBeyondTheBoundEndAFewAtATime(t *testing.T) {
	const sessions, each = 12, 3000
	cfg := settings()
	cfg.Loops, cfg.Session.MaxOfflineSessions = 1, 0
	b, addr := serve(t, cfg, Parts{})
	for i := range sessions {
		leave(t, b, addr, fmt.Sprintf("c%02d", i), client.Filter{Filter: "t", QoS: 1})
	}
	onLoop(t, b, 0, func(l *loop) {
		for range each {
			l.publishOwn([]byte("t"), nil, 1, false, 0)
		}
	})
	passes := 0
	onLoop(t, b, 0, func(l *loop) {
		live := *l.live
		live.Session.MaxOfflineSessions = 1
		l.live, l.parting = &live, true // no tick does it
	})
	for left := sessions; left > 1; {
		onLoop(t, b, 0, func(l *loop) {
			before := l.backlog.messages
			l.parting = false
			l.boundOffline()
			l.parting = true // nor what it has posted
			if n := before - l.backlog.messages; n > endMessages || n == 0 {
				t.Errorf("pass %d: %d messages were let go of, want up to %d", passes, n, endMessages)
				left = 0
				return
			}
			left = int(l.absent.n)
		})
		passes++
	}
	if want := (sessions - 1) * each / endMessages; passes < want {
		t.Errorf("got %d passes, want %d or more", passes, want)
	}
	onLoop(t, b, 0, func(l *loop) { l.parting = false })
}

// The passes follow each other without a tick in between.
func TestTheBoundOfSessionsIsComeToInOneTick(t *testing.T) {
	cfg := settings()
	cfg.Loops, cfg.Session.MaxOfflineSessions = 1, 0
	b, addr := serve(t, cfg, Parts{})
	const sessions = 10
	for i := range sessions {
		leave(t, b, addr, fmt.Sprintf("c%02d", i), client.Filter{Filter: "t", QoS: 1})
	}
	onLoop(t, b, 0, func(l *loop) {
		for range endMessages {
			l.publishOwn([]byte("t"), nil, 1, false, 0)
		}
		live := *l.live
		live.Session.MaxOfflineSessions = 1
		l.live = &live
		l.boundOffline()
		if n := l.absent.n; n != sessions-1 {
			t.Errorf("after the first pass: got %d sessions, want %d", n, sessions-1)
		}
	})
	for range sessions - 2 { // what was posted comes before the next visit
		onLoop(t, b, 0, func(*loop) {})
	}
	onLoop(t, b, 0, func(l *loop) {
		if n := l.absent.n; n != 1 {
			t.Errorf("in the end: got %d sessions, want 1", n)
		}
	})
}
