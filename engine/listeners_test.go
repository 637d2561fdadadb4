package engine

import (
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/codec"
)

func TestEveryRejectionIsListedOnceForTheKindsThatHaveIt(t *testing.T) {
	all := Rejections(KindWSS)
	for _, cause := range codec.Causes() {
		if !slices.Contains(all, cause.String()) {
			t.Errorf("wss: %s is missing", cause)
		}
	}
	for r := rejection(firstOwn); r < rejections; r++ {
		if !slices.Contains(all, r.String()) {
			t.Errorf("wss: %s is missing", r)
		}
	}
	for _, kind := range []Kind{KindTCP, KindTLS, KindWS, KindWSS, KindUnix} {
		list := Rejections(kind)
		sorted := slices.Sorted(slices.Values(list))
		if len(slices.Compact(sorted)) != len(list) || slices.ContainsFunc(list, func(r string) bool { return r == "" || !slices.Contains(all, r) }) {
			t.Errorf("%s: got %q, want each once and each of wss's", kind, list)
		}
	}
}

func TestListenersAreToldOfOnceTheBrokerHasStarted(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Listeners = []Listener{{Name: "one", Kind: KindTCP, Address: "127.0.0.1:0"}, {Kind: KindWS, Address: "127.0.0.1:0", Path: "/x"}}
	cfg.Sys.Interval = 0
	b, err := New(cfg, Parts{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Prepare(); err != nil {
		t.Fatal(err)
	}
	if got := b.Listeners(); got != nil {
		t.Errorf("before the start: got %+v, want none", got)
	}
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	got := b.Listeners()
	if len(got) != 2 || got[0].Name != "one" || !strings.HasPrefix(got[0].URL, "tcp://127.0.0.1:") || strings.HasSuffix(got[0].URL, ":0") ||
		got[1].Name != got[1].URL || got[1].Kind != KindWS {
		t.Fatalf("got %+v", got)
	}
	nc, err := net.Dial("tcp", strings.TrimPrefix(got[0].URL, "tcp://"))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	say(t, nc, hello("me"))
	until(t, "a client", func() bool {
		l := b.Listeners()[0]
		return l.Accepted == 1 && l.Connections == 1 && l.Connecting == 0 && b.Stats().Connects == 1
	})
	stop(t, b)
	if l := b.Listeners()[0]; l.Accepted != 1 || l.LeftConnect != 0 || len(l.Refused) != 0 {
		t.Errorf("after the stop: got %+v", l)
	}
}

// An acceptor serves until a hand-over; what is counted begins with the broker.
func TestWhatAListenerHasAcceptedIsKeptOverAResume(t *testing.T) {
	b, at := listening(t, Parts{}, Listener{Kind: KindTCP, Address: "127.0.0.1:0"})
	for want := uint64(1); want <= 3; want++ {
		nc := dialTCP(t, at[0])
		say(t, nc, hello("c"))
		if _, err := io.ReadFull(nc, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		if got, all := b.Listeners()[0].Accepted, b.Stats().Accepted; got != want || all != want {
			t.Errorf("connection %d: got %d accepted, and %d by all listeners", want, got, all)
		}
		if err := b.HandOver(t.Context(), io.Discard); err != nil {
			t.Fatal(err)
		}
		if err := b.Resume(); err != nil {
			t.Fatal(err)
		}
	}
}

// The waiting backlog is told of while it waits.
func TestAListenerThatTakesNoMoreSaysSo(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Listeners = []Listener{{Kind: KindTCP, Address: "127.0.0.1:0", MaxConnecting: 2}}
	cfg.Sys.Interval = 0
	b, err := New(cfg, Parts{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, b) })
	address := strings.TrimPrefix(b.Addrs()[0].URL, "tcp://")
	for range 3 {
		nc, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		say(t, nc, hello("me")[:5])
	}
	// Two are taken, the third waits, until those who say no more have to make room.
	until(t, "a wait", func() bool { l := b.Listeners()[0]; return l.Waiting && l.Connecting == 2 && l.EarlyBytes > 0 })
	until(t, "room", func() bool { l := b.Listeners()[0]; return l.Refused["silent"] == 2 && !l.Waiting })
}
