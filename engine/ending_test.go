package engine

import (
	"testing"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// unsaid counts the connections that are not answered yet because of the session before, or whose answers are held.
func unsaid(t *testing.T, b *Broker) (n int) {
	for i := range b.loops {
		onLoop(t, b, i, func(l *loop) {
			for i := range l.connCount {
				if c := l.connAt(i).c; c != nil && (c.state == attaching || len(c.held()) > 0) {
					n++
				}
			}
		})
	}
	return n
}

// Whichever loop a client comes back on, and whether its new session is kept or not.
func TestNobodyIsLetInBeforeTheEndOfItsSessionIsCommitted(t *testing.T) {
	for _, seconds := range []uint32{0, 100} {
		for loop := range 2 {
			s := &absent{Store: store.NewMemory()}
			b, addr := serve(t, settings(), Parts{Store: s})
			onto := connOn(t, b, addr, loop)
			first, _ := meet(t, addr, "c", expiry(100))
			s.silence()
			var bye mqtt.Disconnect
			bye.Props.SessionExpiry = 0
			bye.Props.Set(mqtt.PropSessionExpiry)
			if err := first.DisconnectWith(soon(t), &bye); err != nil {
				t.Fatal(err)
			}
			until(t, "the end of the session in a batch", s.silent)
			connect := mqtt.Connect{Version: mqtt.V5, ClientID: []byte("c")}
			if seconds > 0 {
				connect.Props.SessionExpiry = seconds
				connect.Props.Set(mqtt.PropSessionExpiry)
			}
			say(t, onto, connect.AppendTo(nil))
			answer := make(chan byte, 1)
			go func() {
				buf := make([]byte, 64)
				_, _ = onto.Read(buf)
				answer <- buf[0]
			}()
			until(t, "a connection that waits", func() bool {
				select {
				case got := <-answer:
					t.Fatalf("expiry %d, loop %d: got a packet %#x before the session's end was committed", seconds, loop, got)
				default:
				}
				return unsaid(t, b) == 1
			})
			s.owed(nil)
			if got := <-answer; got != byte(mqtt.CONNACK)<<4 {
				t.Errorf("expiry %d, loop %d: answered with %#x, want a CONNACK", seconds, loop, got)
			}
			until(t, "one client and its slot", func() bool {
				v := inventory(t, b)
				return v.ClientIDs == 1 && v.Slots == 1
			})
		}
	}
}

// Who loses the connection before its UNSUBACK, and asks again, is told no sooner.
func TestARepeatedUnsubscribeWaitsForTheFirst(t *testing.T) {
	s := &absent{Store: store.NewMemory()}
	cfg := settings()
	cfg.Loops = 1
	b, addr := serve(t, cfg, Parts{Store: s})
	state := client.NewSession()
	c, _ := meet(t, addr, "c", expiry(100), keeping(state))
	if _, err := c.Subscribe(soon(t), []client.Filter{{Filter: "t"}}, func(*client.Message) {}); err != nil {
		t.Fatal(err)
	}
	s.silence()
	go func() { _, _ = c.Unsubscribe(soon(t), "t") }()
	until(t, "the end of the subscription in a batch", s.silent)
	_ = c.Close()
	c, _ = meet(t, addr, "c", expiry(100), keeping(state))
	told := make(chan error, 1)
	go func() { _, err := c.Unsubscribe(soon(t), "t"); told <- err }()
	until(t, "an answer that is held", func() bool {
		select {
		case <-told:
			t.Fatal("UNSUBACK before the end of the subscription was committed")
		default:
		}
		return unsaid(t, b) == 1
	})
	s.owed(nil)
	if err := <-told; err != nil {
		t.Error(err)
	}
}
