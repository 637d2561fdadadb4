package client_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

func TestRulesKeepAlive(t *testing.T) {
	pings := func(interval time.Duration, ack mqtt.Connack) func(t *testing.T, v mqtt.Version) {
		return func(t *testing.T, v mqtt.Version) {
			o := client.Options{Version: v, ClientID: "me", CleanStart: true, KeepAlive: 20}
			_, p := newStage(t).open(o, ack)
			for range 5 {
				start := time.Now()
				p.ping()
				p.write(0xD0, 0)
				if d := time.Since(start); d > interval || d < interval/2 {
					t.Errorf("PINGREQ after %v, want about %v and no later", d, interval)
				}
			}
		}
	}
	in(t, v3, "MQTT-3.1.2-23", pings(20*time.Second, mqtt.Connack{}))
	in(t, v5, "MQTT-3.1.2-20", pings(20*time.Second, mqtt.Connack{}))
	server := connack(func(p *mqtt.Properties) { p.ServerKeepAlive = 3; p.Set(mqtt.PropServerKeepAlive) })
	in(t, v5, "MQTT-3.1.2-21", pings(3*time.Second, server))
	in(t, v5, "MQTT-3.2.2-21", pings(3*time.Second, server))

	in(t, both, "other-packets-count", func(t *testing.T, v mqtt.Version) {
		c, p := newStage(t).open(client.Options{Version: v, ClientID: "me", CleanStart: true, KeepAlive: 20}, mqtt.Connack{})
		for range 10 {
			async(t, c, msg("a", 1), nil)
			m := p.publish()
			p.sendAck(mqtt.PUBACK, m.ID, mqtt.Success)
			p.quiet(10 * time.Second)
		}
	})
	in(t, both, "off", func(t *testing.T, v mqtt.Version) {
		_, p := newStage(t).open(client.Options{Version: v, ClientID: "me", CleanStart: true}, mqtt.Connack{})
		p.quiet(20 * time.Hour)
	})
	in(t, both, "a-dead-server-is-noticed", func(t *testing.T, v mqtt.Version) {
		o := client.Options{Version: v, ClientID: "me", CleanStart: true, KeepAlive: 20, PingTimeout: 5 * time.Second}
		c, p := newStage(t).open(o, mqtt.Connack{})
		p.ping()
		p.quiet(4 * time.Second)
		p.eof()
		<-c.Done()
		if err := c.Err(); !errors.Is(err, client.ErrPingTimeout) {
			t.Errorf("Err() = %v, want ErrPingTimeout", err)
		}
	})
	in(t, both, "a-dead-server-is-noticed-while-publishing", func(t *testing.T, v mqtt.Version) {
		o := client.Options{Version: v, ClientID: "me", CleanStart: true, KeepAlive: 20}
		c, p := newStage(t).open(o, mqtt.Connack{})
		var publisher sync.WaitGroup
		defer publisher.Wait()
		publisher.Go(func() {
			for pace := time.NewTicker(time.Second); c.Publish(t.Context(), msg("a", 0)) == nil; {
				<-pace.C
			}
		})
		for { // the server takes everything and says nothing
			if _, _, err := p.read(); err != nil {
				break
			}
		}
		<-c.Done()
		if err := c.Err(); !errors.Is(err, client.ErrPingTimeout) {
			t.Errorf("Err() = %v, want ErrPingTimeout", err)
		}
	})
	in(t, both, "an-answer-at-once-is-an-answer", func(t *testing.T, v mqtt.Version) {
		c, p := newStage(t).open(client.Options{Version: v, ClientID: "me", CleanStart: true, KeepAlive: 20}, mqtt.Connack{})
		for i := range 2000 { // any of them may overtake what the client does after it asked
			if _, _, err := p.read(); err != nil {
				t.Fatalf("instead of PINGREQ %d: %v; Err() = %v, want a connection that goes on", i, err, c.Err())
			}
			p.write(0xD0, 0)
		}
	})
	in(t, both, "a-slow-handler-is-not-a-dead-server", func(t *testing.T, v mqtt.Version) {
		o := client.Options{
			Version: v, ClientID: "me", CleanStart: true, KeepAlive: 20, ReadAhead: 1,
			Handler: func(*client.Message) { <-time.After(10 * time.Minute) },
		}
		c, p := newStage(t).open(o, mqtt.Connack{})
		for range 3 { // one with the handler, one read ahead, one on which the reader waits
			p.sendPublish(mqtt.Publish{Topic: []byte("a")})
		}
		synctest.Wait()
		for range 25 { // pings go on, answers cannot be read yet
			p.ping()
		}
		if err := c.Err(); err != nil {
			t.Fatalf("connection ended: %v", err)
		}
		go func() {
			for {
				if _, _, err := p.read(); err != nil {
					return
				}
				if _, err := p.Write([]byte{0xD0, 0}); err != nil {
					return
				}
			}
		}()
		<-time.After(time.Hour)
		if err := c.Err(); err != nil {
			t.Fatalf("connection ended: %v", err)
		}
	})
}
