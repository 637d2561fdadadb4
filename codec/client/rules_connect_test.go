package client_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// connectOf returns the CONNECT that o leads to.
func connectOf(t *testing.T, o client.Options) *mqtt.Connect {
	t.Helper()
	p, out := newStage(t).dial(o)
	c := p.connect() // decodes strictly: flags, order and strings are checked there
	p.Close()
	if d := <-out; d.err == nil {
		t.Fatal("Dial succeeded without a CONNACK")
	}
	return c
}

func refusedOptions(t *testing.T, o client.Options) {
	t.Helper()
	o.Dialer = newStage(t)
	if _, _, err := client.Dial(t.Context(), o); !errors.Is(err, client.ErrOptions) {
		t.Errorf("Dial(%+v): %v, want ErrOptions", o, err)
	}
}

func TestRulesConnect(t *testing.T) {
	for _, name := range []string{"MQTT-3.1.0-1", "MQTT-3.1.3-3"} {
		in(t, all, name, func(t *testing.T, v mqtt.Version) {
			c := connectOf(t, client.Options{Version: v, ClientID: "me", CleanStart: true, KeepAlive: 7})
			if string(c.ClientID) != "me" || c.Version != v || !c.CleanStart || c.KeepAlive != 7 {
				t.Errorf("CONNECT %+v, want client me, version %v, clean, keep alive 7", c, v)
			}
		})
	}

	in(t, v5, "MQTT-3.1.2-1", func(t *testing.T, v mqtt.Version) {
		p, _ := newStage(t).dial(client.Options{Version: v, ClientID: "me"})
		if raw := p.raw(); !bytes.Equal(raw[2:9], []byte{0, 4, 'M', 'Q', 'T', 'T', byte(v)}) {
			t.Errorf("CONNECT % x, want protocol name MQTT and level %d", raw, v)
		}
		p.Close()
	})

	will := &client.Message{Topic: "will/topic", Payload: []byte("gone"), QoS: 1, Retain: true}
	for _, name := range []string{"MQTT-3.1.2-9", "MQTT-3.1.3-1"} {
		in(t, both, name, func(t *testing.T, v mqtt.Version) {
			c := connectOf(t, client.Options{
				Version: v, ClientID: "me", CleanStart: true,
				Will: will, Username: "user", Password: []byte("secret"),
			})
			got := []string{string(c.ClientID), string(c.Will.Topic), string(c.Will.Payload), string(c.Username), string(c.Password)}
			if want := "me|will/topic|gone|user|secret"; strings.Join(got, "|") != want {
				t.Errorf("CONNECT fields %q, want %q", got, want)
			}
			if c.Will.QoS != 1 || !c.Will.Retain {
				t.Errorf("will QoS %d retain %v, want 1 true", c.Will.QoS, c.Will.Retain)
			}
		})
	}

	bare := map[mqtt.Version][]string{
		mqtt.V311: {"MQTT-3.1.2-11", "MQTT-3.1.2-13", "MQTT-3.1.2-15", "MQTT-3.1.2-18", "MQTT-3.1.2-20"},
		mqtt.V5:   {"MQTT-3.1.2-11", "MQTT-3.1.2-13", "MQTT-3.1.2-16", "MQTT-3.1.2-18"},
	}
	full := map[mqtt.Version][]string{
		mqtt.V311: {"MQTT-3.1.2-19", "MQTT-3.1.2-21"},
		mqtt.V5:   {"MQTT-3.1.2-17", "MQTT-3.1.2-19"},
	}
	for _, v := range both {
		for _, name := range bare[v] {
			in(t, []mqtt.Version{v}, name, func(t *testing.T, v mqtt.Version) {
				c := connectOf(t, client.Options{Version: v, ClientID: "me", CleanStart: true})
				if c.HasWill || c.Will.QoS != 0 || c.Will.Retain || c.HasUsername || c.HasPassword {
					t.Errorf("CONNECT %+v, want no will and no login", c)
				}
			})
		}
		for _, name := range full[v] {
			in(t, []mqtt.Version{v}, name, func(t *testing.T, v mqtt.Version) {
				c := connectOf(t, client.Options{Version: v, ClientID: "me", Username: "u", Password: []byte{}})
				if !c.HasUsername || string(c.Username) != "u" || !c.HasPassword || len(c.Password) != 0 {
					t.Errorf("CONNECT %+v, want user name u and an empty password", c)
				}
			})
		}
	}

	in(t, v3, "MQTT-3.1.2-14", badWillQoS)
	in(t, v5, "MQTT-3.1.2-12", badWillQoS)
	in(t, v3, "MQTT-3.1.2-22", func(t *testing.T, v mqtt.Version) {
		refusedOptions(t, client.Options{Version: v, ClientID: "me", Password: []byte("x")})
	})
	in(t, v3, "MQTT-3.1.3-7", func(t *testing.T, v mqtt.Version) {
		refusedOptions(t, client.Options{Version: v})
		if c := connectOf(t, client.Options{Version: v, CleanStart: true}); len(c.ClientID) != 0 || !c.CleanStart {
			t.Errorf("CONNECT %+v, want an empty identifier with Clean Session", c)
		}
	})
	in(t, both, "MQTT-3.1.3-4", func(t *testing.T, v mqtt.Version) {
		for _, bad := range badStrings {
			refusedOptions(t, client.Options{Version: v, ClientID: bad})
		}
	})
	badWill := func(t *testing.T, v mqtt.Version) {
		for _, bad := range badStrings {
			refusedOptions(t, client.Options{Version: v, ClientID: "me", Will: &client.Message{Topic: bad}})
		}
	}
	badUser := func(t *testing.T, v mqtt.Version) {
		for _, bad := range badStrings {
			refusedOptions(t, client.Options{Version: v, ClientID: "me", Username: bad})
		}
	}
	in(t, v3, "MQTT-3.1.3-10", badWill)
	in(t, v5, "MQTT-3.1.3-11", badWill)
	in(t, v3, "MQTT-3.1.3-11", badUser)
	in(t, v5, "MQTT-3.1.3-12", badUser)
	in(t, []mqtt.Version{mqtt.V31}, "client-identifier", func(t *testing.T, v mqtt.Version) {
		refusedOptions(t, client.Options{Version: v, CleanStart: true})
	})
}

var badStrings = []string{"\xff\xfe", "\xc0\x80", "\xed\xa0\x80", "a\x00b", strings.Repeat("x", 65536)}

func badWillQoS(t *testing.T, v mqtt.Version) {
	refusedOptions(t, client.Options{Version: v, ClientID: "me", Will: &client.Message{Topic: "w", QoS: 3}})
}

func TestRulesSession(t *testing.T) {
	in(t, both, "MQTT-3.1.2-4", func(t *testing.T, v mqtt.Version) {
		s := client.NewSession()
		lost, done := result()
		unacknowledged(t, v, s, done)
		o := durable(v, s)
		o.CleanStart = true
		c, p := newStage(t).open(o, mqtt.Connack{})
		if r := <-lost; !errors.Is(r.Err, client.ErrSessionLost) {
			t.Errorf("publish of the old session ended with %v, want ErrSessionLost", r.Err)
		}
		p.quiet(time.Second)
		p.drop(c)
	})
	for v, name := range map[mqtt.Version]string{mqtt.V311: "MQTT-3.1.2-6", mqtt.V5: "MQTT-3.1.2-23"} {
		// The session ends with the connection if it was to last no longer.
		in(t, []mqtt.Version{v}, name+"/ends", func(t *testing.T, v mqtt.Version) {
			s := client.NewSession()
			o := client.Options{Version: v, ClientID: "brief", CleanStart: v == mqtt.V311, Session: s}
			lost, done := result()
			c, p := newStage(t).open(o, mqtt.Connack{})
			async(t, c, msg("a", 1), done)
			p.publish()
			p.drop(c)
			if r := <-lost; !errors.Is(r.Err, client.ErrSessionLost) {
				t.Errorf("publish ended with %v, want ErrSessionLost", r.Err)
			}
		})
	}
	for _, v := range both {
		for _, name := range map[mqtt.Version][]string{
			mqtt.V311: {"MQTT-4.1.0-1", "MQTT-4.4.0-1", "MQTT-3.3.1-1"},
			mqtt.V5:   {"MQTT-3.1.2-23/lasts", "MQTT-3.1.3-2", "MQTT-4.4.0-1", "MQTT-3.3.1-1", "MQTT-4.3.2-3"},
		}[v] {
			in(t, []mqtt.Version{v}, name, resumes)
		}
	}
	// A session lives as long as its connection, however soon it would expire.
	lives := func(t *testing.T, v mqtt.Version) {
		o := durable(v, client.NewSession())
		o.CleanStart, o.Props.SessionExpiry = v == mqtt.V311, 1
		c, p := newStage(t).open(o, mqtt.Connack{})
		ended, done := result()
		async(t, c, msg("a", 2), done)
		p.publish()
		p.quiet(time.Hour)
		p.sendAck(mqtt.PUBREC, 1, mqtt.Success)
		p.ack(mqtt.PUBREL)
		p.quiet(time.Hour)
		p.sendAck(mqtt.PUBCOMP, 1, mqtt.Success)
		if r := <-ended; r.Err != nil {
			t.Errorf("publish ended with %v", r.Err)
		}
	}
	in(t, v3, "MQTT-4.1.0-2", lives)
	in(t, v5, "MQTT-4.1.0-1", lives)
	in(t, both, "MQTT-3.1.3-2/other-identifier", func(t *testing.T, v mqtt.Version) {
		s := client.NewSession()
		unacknowledged(t, v, s, nil)
		o := durable(v, s)
		o.ClientID, o.Dialer = "somebody else", newStage(t)
		if _, _, err := client.Dial(t.Context(), o); !errors.Is(err, client.ErrSessionID) {
			t.Errorf("Dial under another identifier: %v, want ErrSessionID", err)
		}
	})
	in(t, v5, "MQTT-3.2.2-4", func(t *testing.T, v mqtt.Version) {
		for _, s := range []*client.Session{nil, client.NewSession()} {
			p, out := newStage(t).dial(durable(v, s))
			p.connect()
			p.send(&mqtt.Connack{SessionPresent: true})
			p.complaint(mqtt.ProtocolError)
			if d := <-out; !errors.Is(d.err, client.ErrSessionPresent) {
				t.Errorf("Dial: %v, want ErrSessionPresent", d.err)
			}
		}
		// A program that remembers only its identifier says so and is let through.
		newStage(t).open(durable(v, client.AdoptSession()), mqtt.Connack{SessionPresent: true})
	})
	in(t, v5, "MQTT-3.2.2-5", func(t *testing.T, v mqtt.Version) {
		s := client.NewSession()
		lost, done := result()
		unacknowledged(t, v, s, done)
		_, p := newStage(t).open(durable(v, s), mqtt.Connack{})
		p.quiet(time.Second)
		if r := <-lost; !errors.Is(r.Err, client.ErrSessionLost) {
			t.Errorf("publish of the lost session ended with %v, want ErrSessionLost", r.Err)
		}
	})
	in(t, v5, "the-assigned-identifier-names-the-session", func(t *testing.T, v mqtt.Version) {
		// The assigned identifier is the session's from then on.
		s := client.NewSession()
		o := durable(v, s)
		o.ClientID = ""
		ack := mqtt.Connack{Props: mqtt.Properties{AssignedClientID: []byte("given")}}
		ack.Props.Set(mqtt.PropAssignedClientID)
		c, p := newStage(t).open(o, ack)
		if c.ClientID() != "given" {
			t.Errorf("ClientID() = %q, want given", c.ClientID())
		}
		p.drop(c)
		q, _ := newStage(t).dial(o)
		if got := q.connect(); string(got.ClientID) != "given" {
			t.Errorf("second CONNECT as %q, want given", got.ClientID)
		}
	})
}

// unacknowledged leaves one QoS 1 publish open in s, with identifier 1.
func unacknowledged(t *testing.T, v mqtt.Version, s *client.Session, done func(client.Result)) {
	t.Helper()
	c, p := newStage(t).open(durable(v, s), mqtt.Connack{})
	async(t, c, msg("old", 1), done)
	p.publish()
	p.drop(c)
}

// resumes: what had no acknowledgement comes again on the next connection: same identifier, DUP, and
// the callback of the first call hears of the acknowledgement.
func resumes(t *testing.T, v mqtt.Version) {
	s := client.NewSession()
	acked, done := result()
	unacknowledged(t, v, s, done)
	_, p := newStage(t).open(durable(v, s), mqtt.Connack{SessionPresent: true})
	m := p.publish()
	if m.ID != 1 || !m.Dup || m.QoS != 1 || string(m.Topic) != "old" || !bytes.Equal(m.Payload, []byte("old")) {
		t.Fatalf("resumed with %+v, want the old message with id 1 and DUP", m)
	}
	p.sendAck(mqtt.PUBACK, 1, mqtt.Success)
	if r := <-acked; r.Err != nil {
		t.Errorf("publish ended with %v", r.Err)
	}
	p.quiet(time.Second)
}
