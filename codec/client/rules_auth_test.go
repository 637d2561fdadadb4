package client_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// secret is an Authenticator that notes what it sees and answers "re:" and the question.
type secret struct {
	seen []string
	deny error // what Finish returns
}

func (s *secret) Method() string { return "SECRET" }

func (s *secret) Start(context.Context) ([]byte, error) {
	s.seen = append(s.seen, "start")
	return []byte("hello"), nil
}

func (s *secret) Continue(_ context.Context, data []byte) ([]byte, error) {
	s.seen = append(s.seen, string(data))
	return []byte("re:" + string(data)), nil
}

func (s *secret) Finish(data []byte) error {
	s.seen = append(s.seen, "finish "+string(data))
	return s.deny
}

func withAuth(p *mqtt.Properties, method, data string) {
	p.AuthMethod, p.AuthData = []byte(method), []byte(data)
	p.Set(mqtt.PropAuthMethod)
	p.Set(mqtt.PropAuthData)
}

func authenticated() mqtt.Connack {
	return connack(func(p *mqtt.Properties) { withAuth(p, "SECRET", "welcome") })
}

func (p *peer) sendAuth(r mqtt.Reason, method, data string) {
	p.t.Helper()
	a := &mqtt.Auth{Reason: r}
	withAuth(&a.Props, method, data)
	p.send(a)
}

func (p *peer) auth(r mqtt.Reason, data string) {
	p.t.Helper()
	a := expect(p, mqtt.AUTH, new(mqtt.Auth))
	if a.Reason != r || string(a.Props.AuthMethod) != "SECRET" || string(a.Props.AuthData) != data {
		p.t.Errorf("AUTH %v %q %q, want %v SECRET %q", a.Reason, a.Props.AuthMethod, a.Props.AuthData, r, data)
	}
}

func TestRulesAuth(t *testing.T) {
	exchange := func(t *testing.T, v mqtt.Version) {
		s := new(secret)
		p, out := newStage(t).dial(client.Options{Auth: s})
		c := p.connect()
		if string(c.Props.AuthMethod) != "SECRET" || string(c.Props.AuthData) != "hello" {
			t.Errorf("CONNECT with %q %q, want SECRET hello", c.Props.AuthMethod, c.Props.AuthData)
		}
		p.quiet(time.Second)
		p.sendAuth(mqtt.ContinueAuthentication, "SECRET", "one")
		p.auth(mqtt.ContinueAuthentication, "re:one")
		p.sendAuth(mqtt.ContinueAuthentication, "SECRET", "two")
		p.auth(mqtt.ContinueAuthentication, "re:two")
		ack := authenticated()
		p.send(&ack)
		d := <-out
		if d.err != nil {
			t.Fatalf("Dial: %v", d.err)
		}
		if got := strings.Join(s.seen, ","); got != "start,one,two,finish welcome" {
			t.Errorf("the authenticator saw %q", got)
		}
		p.drop(d.c)
	}
	for _, name := range []string{"MQTT-3.1.2-30", "MQTT-4.12.0-3", "MQTT-3.15.2-1"} {
		in(t, v5, name, exchange)
	}
	in(t, v5, "MQTT-4.12.0-5", func(t *testing.T, v mqtt.Version) {
		// An AUTH with another method, a CONNACK with another or none.
		other := connack(func(p *mqtt.Properties) { withAuth(p, "OTHER", "") })
		for _, step := range []func(p *peer){
			func(p *peer) { p.sendAuth(mqtt.ContinueAuthentication, "OTHER", "one") },
			func(p *peer) { p.send(&other) },
			func(p *peer) { p.send(&mqtt.Connack{}) },
		} {
			p, out := newStage(t).dial(client.Options{Auth: new(secret)})
			p.connect()
			go step(p)
			if d := <-out; !errors.Is(d.err, mqtt.ProtocolError) {
				t.Errorf("Dial: %v, want Protocol Error", d.err)
			}
		}
	})
	in(t, v5, "a-server-that-cannot-prove-itself-is-left", func(t *testing.T, v mqtt.Version) {
		deny := errors.New("wrong proof")
		p, out := newStage(t).dial(client.Options{Auth: &secret{deny: deny}})
		p.connect()
		ack := authenticated()
		p.send(&ack)
		p.complaint(mqtt.UnspecifiedError)
		if d := <-out; !errors.Is(d.err, deny) {
			t.Errorf("Dial: %v, want %v", d.err, deny)
		}
	})
	in(t, v5, "MQTT-4.12.0-7", func(t *testing.T, v mqtt.Version) {
		c, p := newStage(t).open(client.Options{}, mqtt.Connack{})
		if err := c.Reauthenticate(t.Context()); !errors.Is(err, client.ErrNoAuth) {
			t.Errorf("Reauthenticate: %v, want ErrNoAuth", err)
		}
		p.quiet(time.Second)
		p.sendAuth(mqtt.ContinueAuthentication, "SECRET", "unasked")
		p.complaint(mqtt.ProtocolError)
	})
	in(t, v5, "MQTT-4.12.1-1", func(t *testing.T, v mqtt.Version) {
		s := new(secret)
		c, p := newStage(t).open(client.Options{Auth: s}, authenticated())
		out := make(chan error, 1)
		go func() { out <- c.Reauthenticate(t.Context()) }()
		p.auth(mqtt.ReAuthenticate, "hello")
		async(t, c, msg("meanwhile", 0), nil)
		p.publish()
		p.sendAuth(mqtt.ContinueAuthentication, "SECRET", "again")
		p.auth(mqtt.ContinueAuthentication, "re:again")
		p.sendAuth(mqtt.Success, "SECRET", "fine")
		if err := <-out; err != nil {
			t.Errorf("Reauthenticate: %v", err)
		}
		if want := []string{"start", "finish welcome", "start", "again", "finish fine"}; !slices.Equal(s.seen, want) {
			t.Errorf("the authenticator saw %q, want %q", s.seen, want)
		}
		p.sendAuth(mqtt.ContinueAuthentication, "SECRET", "the server never begins")
		p.complaint(mqtt.ProtocolError)
	})
	in(t, v5, "MQTT-4.12.1-2", func(t *testing.T, v mqtt.Version) {
		s := new(secret)
		c, p := newStage(t).open(client.Options{Auth: s}, authenticated())
		s.deny = errors.New("wrong proof")
		out := make(chan error, 1)
		go func() { out <- c.Reauthenticate(t.Context()) }()
		p.auth(mqtt.ReAuthenticate, "hello")
		p.sendAuth(mqtt.Success, "SECRET", "fine")
		p.complaint(mqtt.UnspecifiedError)
		if err := <-out; !errors.Is(err, s.deny) {
			t.Errorf("Reauthenticate: %v, want %v", err, s.deny)
		}
	})
}
