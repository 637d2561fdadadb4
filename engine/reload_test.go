package engine

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

func TestAReloadHoldsForNewConnectionsAndOldOnesKeepWhatWasAnnounced(t *testing.T) {
	cfg := settings()
	b, addr := serve(t, cfg, Parts{})
	old, _ := meet(t, addr, "old")
	cfg.Limits.MaximumQoS = 0
	cfg.Retain.Available = false
	cfg.Limits.MaximumPacketSize = 64
	cfg.Listeners[0].Versions = []int{5}
	if err := b.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	onLoop(t, b, 0, func(*loop) {}) // each has seen it
	onLoop(t, b, 1, func(*loop) {})
	if err := old.Publish(soon(t), client.Message{Topic: "t", QoS: 2, Retain: true, Payload: make([]byte, 100)}); err != nil {
		t.Errorf("old connection: %v", err)
	}
	_, ack := meet(t, addr, "new")
	if p := &ack.Props; !p.Has(mqtt.PropMaximumQoS) || !p.Has(mqtt.PropRetainAvailable) || p.MaximumPacketSize != 64 {
		t.Errorf("new connection: CONNACK says %+v", p)
	}
	if _, _, err := dial(t, addr, "v4", func(o *client.Options) { o.Version = mqtt.V311 }); !errors.Is(err, mqtt.UnsupportedProtocolVersion) {
		t.Errorf("3.1.1: got %v, want %v", err, mqtt.UnsupportedProtocolVersion)
	}
}

func TestAReloadThatIsNotValidChangesNothing(t *testing.T) {
	cfg := settings()
	b, addr := serve(t, cfg, Parts{})
	for want, change := range map[string]func(*Config){
		"limits.maximum_qos: ":  func(c *Config) { c.Limits.MaximumQoS = 3 },
		"loops: ":               func(c *Config) { c.Loops = 1 },
		"listeners.0.address: ": func(c *Config) { c.Listeners = []Listener{{Address: "127.0.0.1:1"}} },
		"listeners: ":           func(c *Config) { c.Listeners = append(c.Listeners, c.Listeners[0]) },
	} {
		next := settings()
		next.Retain.Available = false
		change(&next)
		if err := b.Reload(next); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s…", err, want)
		}
	}
	if _, ack := meet(t, addr, "c"); ack.Props.Has(mqtt.PropRetainAvailable) {
		t.Error("a refused reload took retained messages away")
	}
}

func TestSysTopicsFollowTheReloadAndEndWithTheBroker(t *testing.T) {
	cfg := settings()
	b, _ := serve(t, cfg, Parts{Version: "7"})
	if n := inventory(t, b).Retained; n != 0 {
		t.Errorf("switched off: %d topics", n)
	}
	cfg.Sys.Interval = time.Hour
	if err := b.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	version := func() (v string) {
		s, err := b.Subscribe(soon(t), "$SYS/broker/version", func(m Message) { v = string(m.Payload) })
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(soon(t)); err != nil {
			t.Fatal(err)
		}
		return v
	}
	until(t, "the version", func() bool { return version() == "penstock version 7" })
	done := make(chan error)
	for range 8 { // several at once leave one publisher
		go func() { done <- b.Reload(cfg) }()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	cfg.Sys.Interval = 0
	if err := b.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	until(t, "the end of the topics", func() bool { return inventory(t, b).Retained == 0 })
}
