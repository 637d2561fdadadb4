package codec

import (
	"crypto/tls"
	"testing"
	"time"
)

// A client's certificates may take more than a loop holds of a handshake. It stops reading then, and must hear when to go
// on, though there is nothing to write yet.
func TestALoopThatStopsReadingHearsWhenTheHandshakeWantsMore(t *testing.T) {
	a := newAuthority(t)
	card := a.issue(t, "device", false)
	for len(card.Certificate) < 400 { // some 160 KB
		card.Certificate = append(card.Certificate, a.cert.Raw)
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		kicks, s, turns := make(chan struct{}, 1), NewScratch(), NewHandshakes(HandshakeLimits{Computing: 1, Active: 1})
		stage := NewTLS(a.server(t, false, true), false, turns, func() { kicks <- struct{}{} })
		up, down := make(chan []byte, 64), newHalf()
		ccfg := a.client()
		ccfg.Certificates, ccfg.MaxVersion = []tls.Certificate{card}, version
		failed := make(chan error, 1)
		go func() {
			if err := tls.Client(&lean{up: up, down: down}, ccfg).Handshake(); err != nil {
				failed <- err
			}
		}()
		end, stops, busy := time.After(within), 0, false
		var unread []byte // of the socket
		for done := false; !done; {
			if stage.Pending() < maxHeld*3/4 && len(unread) > 0 {
				n := min(len(unread), 16<<10)
				must(t, stage.Feed(unread[:n], s, nil))
				unread = unread[n:]
				continue
			}
			if len(unread) > 0 {
				stops++
				if busy { // now it may compute, and take what is held
					busy = false
					<-turns.tokens
				}
			}
			var err error
			select {
			case b := <-up:
				unread = append(unread, b...)
			case <-kicks:
				if done, err = stage.Step(s); stops == 0 && !busy { // it has answered the hello and waits: let others compute
					busy = true
					turns.tokens <- struct{}{}
				}
			case err = <-failed:
			case <-end:
				t.Fatalf("%s: nothing happens, with %d bytes held", tls.VersionName(version), stage.Pending())
			}
			must(t, err)
			down.add(s.Wire)
			s.Reset()
		}
		if n := len(stage.State().PeerCertificates); n != len(card.Certificate) || stops == 0 {
			t.Errorf("%s: %d certificates came, want %d; the loop stopped reading %d times", tls.VersionName(version), n, len(card.Certificate), stops)
		}
		stage.Gone()
	}
}
