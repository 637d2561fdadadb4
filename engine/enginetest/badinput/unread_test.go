package badinput

import (
	"bytes"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/codectest"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
)

// floodUntilEnd writes what asks for answers, without reading one, until the broker ends the connection.
func floodUntilEnd(t *testing.T, what string, write func() (int, error), most int) (sent int) {
	t.Helper()
	for {
		n, err := write()
		switch sent += n; {
		case rig.Ended(err):
			return sent
		case err != nil:
			t.Fatalf("%s: %v", what, err)
		case sent > most:
			t.Fatalf("%s: the broker took %d bytes and has not had enough", what, sent)
		}
	}
}

// Pings whose answers nobody reads are answered up to a bound; then the connection ends, and is counted.
func TestPingsOfAClientThatDoesNotRead(t *testing.T) {
	s := build(t, nil)
	pings := bytes.Repeat(frame(final|ping, make([]byte, 125)), 200)
	for _, name := range []string{"ws", "wss"} {
		for _, id := range []string{"", "flood-" + name} {
			before := s.stats(name).Refused
			c, below := under(t, s, name, id)
			_ = c.SetReadBuffer(4096)
			sent := floodUntilEnd(t, name, func() (int, error) {
				_ = c.TCPConn.SetWriteDeadline(time.Now().Add(rig.Patience))
				return below.Write(pings)
			}, 64<<20)
			before["unread_answers"]++
			s.refused("pings", name, before)
			t.Logf("%s, session %q: %d bytes of pings", name, id, sent)
		}
	}
	s.leave()
}

// The same with TLS's own question, for new keys.
func TestKeyUpdatesOfAClientThatDoesNotRead(t *testing.T) {
	s := build(t, nil)
	c := s.dial("tls")
	f := forge(t, s, c)
	write := func(b []byte) (int, error) {
		_ = c.TCPConn.SetWriteDeadline(time.Now().Add(rig.Patience))
		return c.TCPConn.Write(b)
	}
	hello := mqtt.Connect{Version: mqtt.V5, ClientID: []byte("keys"), CleanStart: true}
	if _, err := write(f.Record(codectest.Data, hello.AppendTo(nil))); err != nil {
		t.Fatal(err)
	}
	want(t, c, mqtt.CONNACK)
	_ = c.SetReadBuffer(4096)
	nothing := (&mqtt.Publish{Topic: []byte("nobody")}).AppendTo(nil, mqtt.V5)
	sent := 0
	updates := func() (int, error) {
		var b []byte
		for range 200 {
			b = append(append(b, f.Update(true, false)...), f.Record(codectest.Data, nothing)...) // data in between, or there would be too many at a time
		}
		return write(b)
	}
	if rig.Race { // to the bound it would take half a minute
		for sent < 1<<20 {
			n, err := updates()
			if sent += n; err != nil {
				t.Fatal(err)
			}
		}
	} else {
		sent = floodUntilEnd(t, "updates", updates, 256<<20)
		s.refused("updates", "tls", map[string]uint64{"unread_answers": 1})
	}
	t.Logf("%d bytes of updates", sent)
	s.leave()
}

// Updates without anything between them are a fault.
func TestKeyUpdatesWithoutData(t *testing.T) {
	s := build(t, nil)
	c := s.dial("tls")
	f := forge(t, s, c)
	for range 100 {
		if _, err := c.TCPConn.Write(f.Update(true, false)); err != nil {
			break
		}
	}
	s.ended("updates", c)
	s.refused("updates", "tls", map[string]uint64{"tls_protocol": 1})
	s.leave()
}
