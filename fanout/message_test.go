package fanout

import (
	"bytes"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

func publish(topic, payload string, user ...string) *mqtt.Publish {
	p := &mqtt.Publish{Topic: []byte(topic), Payload: []byte(payload), QoS: 1}
	for _, u := range user {
		p.Props.User = append(p.Props.User, mqtt.UserProperty{Name: []byte(u), Value: []byte("v")})
	}
	return p
}

func TestAMessageIsACopyOfWhatWasPublished(t *testing.T) {
	var p Pool
	src := publish("a/b", "payload", "k1", "k2")
	want := src.Props.AppendForward(nil)
	m := p.NewMessage(src)
	src.Topic[0], src.Payload[0], src.Props.User[0].Name[0] = 'X', 'X', 'X'
	if string(m.Topic()) != "a/b" || string(m.Payload()) != "payload" || !bytes.Equal(m.Props(), want) {
		t.Errorf("got %q %x %q", m.Topic(), m.Props(), m.Payload())
	}
	m.Hold(2)
	p.Release(m, 2)
	if got := p.Live(); got != 1 {
		t.Errorf("live with one reference: got %d, want 1", got)
	}
	p.Release(m, 1)
	if got := p.Live(); got != 0 {
		t.Errorf("live after the last release: got %d, want 0", got)
	}
}

func TestAReleaseTooManyPanics(t *testing.T) {
	var p Pool
	m := p.NewMessage(publish("a", "b"))
	p.Release(m, 1)
	defer func() {
		if recover() == nil {
			t.Error("a message was released more often than held and nothing happened")
		}
	}()
	p.Release(m, 1)
}

func TestReferencesGivenBackLaterAreGivenBackOnce(t *testing.T) {
	var p Pool
	messages := make([]*Message, 3*laterPlaces) // more than are gathered at a time
	for i := range messages {
		messages[i] = p.NewMessage(publish("a", "b"))
		messages[i].Hold(3)
	}
	for range 3 {
		for _, m := range messages {
			p.ReleaseLater(m)
		}
	}
	p.Settle()
	for i, m := range messages {
		if got := m.Refs(); got != 1 {
			t.Fatalf("message %d after three of four references: got %d left, want 1", i, got)
		}
		p.ReleaseLater(m)
	}
	if got := p.Live(); got != 0 {
		t.Errorf("the last reference waits: got %d alive, want 0", got)
	}
}

func TestMessagesOfEverySizeComeBack(t *testing.T) {
	var p Pool
	for _, size := range []int{0, 1, 100, 127, 128, 129, 4096, 65535, 65536, 65537, 1 << 20} {
		m := p.NewMessageParts([]byte("t"), nil, make([]byte, size), 0, false)
		if got := len(m.Payload()); got != size {
			t.Errorf("payload of %d: got %d", size, got)
		}
		p.Release(m, 1)
	}
	if p.Live() != 0 {
		t.Errorf("live: got %d, want 0", p.Live())
	}
}

// What one loop makes and another frees comes back to the first without new memory.
func TestMessagesTravelBackBetweenLoops(t *testing.T) {
	var maker, freer Pool
	src := publish("topic", "0123456789")
	round := func() {
		for range 5000 {
			freer.Release(maker.NewMessage(src), 1)
		}
	}
	round()
	round()
	if got := testing.AllocsPerRun(5, round); got > 50 {
		t.Errorf("5,000 messages from one loop to another: got %v allocations, want next to none", got)
	}
	if got := maker.Live() + freer.Live(); got != 0 {
		t.Errorf("live over both: got %d, want 0", got)
	}
}

func TestRemainingExpiryIsRoundedUp(t *testing.T) {
	var p Pool
	m := p.NewMessage(publish("a", "b"))
	if _, ok := m.Remaining(time.Hour); ok || m.Expired(time.Hour) {
		t.Error("a message without expiry expires")
	}
	m.Expires = 10 * time.Second
	for _, c := range []struct {
		now     time.Duration
		want    uint32
		expired bool
	}{{0, 10, false}, {time.Millisecond, 10, false}, {9*time.Second + 1, 1, false}, {10 * time.Second, 0, true}, {time.Minute, 0, true}} {
		if got, ok := m.Remaining(c.now); !ok || got != c.want || m.Expired(c.now) != c.expired {
			t.Errorf("at %v: got %d %v expired %v, want %d expired %v", c.now, got, ok, m.Expired(c.now), c.want, c.expired)
		}
	}
}
