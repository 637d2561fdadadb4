package badinput

import (
	"fmt"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
)

// A thousand clients shake hands at once. All of them get in, and two clients that were there before go on as they did:
// how long their messages took is logged.
func TestAThousandHandshakesAtOnce(t *testing.T) {
	clients := 1000
	if rig.Race {
		clients = 150
	}
	s := build(t, func(cfg *engine.Config) { cfg.Limits.ConnectTimeout = 2 * time.Minute })
	if !rig.Eventually(func() bool { return len(s.n.times()) >= 500 }) {
		t.Fatal("the neighbours do not speak")
	}
	calm := s.n.times()
	began := time.Now()
	done := make(chan error, clients)
	for i := range clients {
		go func() { done <- s.visit("tls", fmt.Sprint(i)) }()
	}
	for range clients {
		if err := <-done; err != nil {
			t.Errorf("one of %d clients: %v", clients, err)
		}
	}
	took := time.Since(began)
	storm := s.n.times()[len(calm):]
	t.Logf("%d handshakes in %v, clients included; messages of neighbours: %v before, %v meanwhile", clients, took, quantiles(calm), quantiles(storm))
	if got := s.Stats().HandshakesFull; got != uint64(clients) {
		t.Errorf("handshakes counted: got %d, want %d", got, clients)
	}
	s.refused("a storm", "tls", map[string]uint64{})
	s.leave()
}

// Handshakes that are begun and not gone on with take every place there is; others wait, and get in when those are cut.
func TestStalledHandshakesAreFreed(t *testing.T) {
	const stalled, places = 300, 100
	s := build(t, func(cfg *engine.Config) {
		cfg.TLS.MaxHandshakes = places
		cfg.Limits.ConnectTimeout = time.Hour
	})
	first := hello(t)
	for range stalled {
		write(t, s.dial("tls"), first)
	}
	full := func() bool {
		v := s.Stats()
		return v.HandshakesActive == places && v.HandshakesWaiting == stalled-places
	}
	if !rig.Eventually(full) {
		t.Fatalf("handshakes: got %+v, want %d on their way and %d waiting", s.Stats(), places, stalled-places)
	}
	in, late := make(chan error, 1), 0
	visit := func() { in <- s.visit("tls", "behind them") }
	go visit()
	for waiting, seconds := true, 0; waiting; seconds++ {
		select {
		case err := <-in:
			if err != nil && late < 10 { // the broker's seconds are shorter than ours: a machine that has much to do stands still in them, too
				late++
				go visit()
				continue
			}
			if waiting = false; err != nil {
				t.Errorf("a client behind %d handshakes that stand still: %v", stalled, err)
			}
			t.Logf("the client is in after %d seconds of the broker's, and %d times too late", seconds, late)
		default:
			if s.pass(time.Second); seconds > 600 {
				t.Fatalf("the client is not in after ten minutes: %+v", s.Stats())
			}
		}
	}
	s.Advance(time.Hour)
	gone := func() bool { v := s.Stats(); return v.HandshakesActive+v.HandshakesWaiting == 0 }
	if !rig.Eventually(gone) {
		t.Errorf("handshakes after connect_timeout: %+v", s.Stats())
	}
	for _, c := range s.conns {
		s.ended("a handshake that stands still", c)
	}
	if r := s.stats("tls").Refused; r["silent"]+r["connect_timeout"] != uint64(stalled+late) {
		t.Errorf("refused: got %v, want %d silent or out of time", r, stalled+late)
	}
	s.leave()
}
