package engine

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/auth"
)

// journal writes down what hooks are told.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(c ClientInfo, format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf("%s/%s v%d: ", c.ClientID, c.Principal, c.Version)+fmt.Sprintf(format, args...))
}

func (j *journal) read() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.lines)
}

func (j *journal) hooks() *Hooks {
	return &Hooks{
		Connected:    func(c ClientInfo) { j.add(c, "connected") },
		Disconnected: func(c ClientInfo, r mqtt.Reason) { j.add(c, "disconnected %02x", byte(r)) },
		Subscribed: func(c ClientInfo, filter []byte, code mqtt.Reason) {
			j.add(c, "subscribed %s %02x", filter, byte(code))
		},
		Unsubscribed: func(c ClientInfo, filter []byte) { j.add(c, "unsubscribed %s", filter) },
		Published: func(c ClientInfo, topic, payload []byte, qos uint8, retain bool) {
			j.add(c, "published %s %q %d %v", topic, payload, qos, retain)
		},
	}
}

// onlyPublic forbids what does not begin with p.
type onlyPublic struct{}

func (onlyPublic) Authorize(_ *auth.Identity, _ auth.Action, topic []byte, _ byte, _ bool) auth.Verdict {
	if topic[0] == 'p' {
		return auth.Allowed
	}
	return auth.Denied
}

func login(name string) func(*client.Options) {
	return func(o *client.Options) { o.Username, o.Password = name, []byte("secret") }
}

func TestHooksAreToldWhatHappenedOnce(t *testing.T) {
	var j journal
	cfg := settings()
	cfg.Listeners[0].Mountpoint = "m/"
	b, addr := serve(t, cfg, Parts{
		Hooks: j.hooks(), Authorizer: onlyPublic{}, Authenticator: auth.Static{"ann": "secret", "bob": "secret"},
	})
	c, _ := meet(t, addr, "c", login("ann"))
	_, err := c.Subscribe(soon(t), []client.Filter{{Filter: "p/#", QoS: 1}, {Filter: "$share/g/p", QoS: 2}, {Filter: "x"}}, func(*client.Message) {})
	if err != nil {
		t.Fatal(err)
	}
	for i, topic := range []string{"p", "x"} {
		_ = c.Publish(soon(t), client.Message{Topic: topic, Payload: []byte("1"), QoS: byte(1 + i), Retain: true})
	}
	if _, err := c.Unsubscribe(soon(t), "p/#", "none"); err != nil {
		t.Fatal(err)
	}
	if err := c.Disconnect(soon(t), mqtt.DisconnectWithWillMessage); err != nil {
		t.Fatal(err)
	}
	<-c.Done()
	again, _ := meet(t, addr, "c", login("bob"))
	if found, err := b.Disconnect(soon(t), "c", mqtt.AdministrativeAction); err != nil || !found {
		t.Errorf("disconnect: got %v %v", found, err)
	}
	<-again.Done()
	small := func(o *client.Options) {
		o.Props.MaximumPacketSize = 5
		o.Props.Set(mqtt.PropMaximumPacketSize)
	}
	if _, _, err := dial(t, addr, "small", login("bob"), small); err == nil {
		t.Error("a client got a CONNACK that it does not take")
	}
	want := []string{
		"c/ann v5: connected",
		"c/ann v5: subscribed m/p/# 01", "c/ann v5: subscribed $share/g/m/p 02", "c/ann v5: subscribed x 87",
		`c/ann v5: published m/p "1" 1 true`,
		"c/ann v5: unsubscribed m/p/#",
		"c/ann v5: disconnected 04",
		"c/bob v5: connected", "c/bob v5: disconnected 98",
		"small/bob v5: connected", "small/bob v5: disconnected 95",
	}
	var got []string
	until(t, "the last hook", func() bool { got = j.read(); return len(got) >= len(want) })
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func TestARepeatIsPublishedOnce(t *testing.T) {
	var j journal
	cfg := settings()
	cfg.Loops = 1
	b, addr := serve(t, cfg, Parts{Hooks: j.hooks()})
	nc, _ := lone(t, b, addr, 0)
	p := mqtt.Publish{QoS: 2, Topic: []byte("t"), ID: 1}
	say(t, nc, p.AppendTo(nil, mqtt.V311))
	p.Dup = true
	say(t, nc, p.AppendTo(nil, mqtt.V311))
	hear(t, nc, 0x50, 2, 0, 1, 0x50, 2, 0, 1)
	if got := j.read(); len(got) != 2 {
		t.Errorf("got %q, want one connection and one message", got)
	}
}
