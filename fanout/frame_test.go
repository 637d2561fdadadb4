package fanout

import (
	"bytes"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// whole is the packet as the socket gets it.
func whole(f *Frame, id uint16) []byte { return append(f.AppendHead(nil, id), f.Tail()...) }

// A frame is byte for byte what the codec writes for the same PUBLISH.
func TestFramesAreWhatTheCodecWrites(t *testing.T) {
	var p Pool
	for _, size := range []int{0, 1, 64, 200, largePayload - 1, largePayload, 100_000} {
		for _, v := range []mqtt.Version{mqtt.V311, mqtt.V5} {
			for qos := range uint8(3) {
				for _, retain := range []bool{false, true} {
					src := publish("some/topic", string(make([]byte, size)), "k", "k")
					m := p.NewMessage(src)
					f := p.Encode(m, Form{V5: v == mqtt.V5, QoS: qos, Retain: retain, Dup: qos > 0}, nil, 0)
					want := *src
					want.QoS, want.Retain, want.Dup, want.ID = qos, retain, qos > 0, 0x1234
					if got, want := whole(f, 0x1234), want.AppendTo(nil, v); !bytes.Equal(got, want) {
						t.Errorf("%v QoS %d size %d: got %x, want %x", v, qos, size, got[:40], want[:40])
					}
					if got := f.Size(); got != len(whole(f, 1)) {
						t.Errorf("size: got %d, want %d", got, len(whole(f, 1)))
					}
					p.ReleaseFrame(f)
					p.Release(m, 1)
				}
			}
		}
	}
	if p.Live() != 0 || p.Framed() != 0 {
		t.Errorf("left: %d messages, %d frames", p.Live(), p.Framed())
	}
}

func TestWhatIsTheReceiversStandsInItsFrame(t *testing.T) {
	var p Pool
	m := p.NewMessage(publish("mount/a", "x"))
	m.Expires = 90 * time.Second
	f := p.Encode(m, Form{V5: true, QoS: 1}, &Extra{IDs: []uint32{7, 300}, Alias: 4, Strip: len("mount/")}, 30*time.Second)
	var got mqtt.Publish
	b := whole(f, 9)
	h, ok, err := mqtt.ReadHeader(b)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if err := got.Decode(mqtt.Peer{Version: mqtt.V5, Server: true}, h.Flags, b[h.Size:]); err != nil {
		t.Fatalf("%x: %v", b, err)
	}
	if string(got.Topic) != "a" || got.ID != 9 || got.Props.TopicAlias != 4 || got.Props.MessageExpiry != 60 ||
		len(got.Props.SubscriptionIDs) != 2 || got.Props.SubscriptionIDs[1] != 300 {
		t.Errorf("got %+v", got)
	}
	g := p.Encode(m, Form{V5: true}, &Extra{Alias: 4, NoTopic: true}, 0)
	if got := g.Head()[2:4]; !bytes.Equal(got, []byte{0, 0}) {
		t.Errorf("topic of a known alias: got length %x, want 0", got)
	}
}

func TestAFormIsEncodedOnce(t *testing.T) {
	var p Pool
	var s Forms
	m := p.NewMessage(publish("a", "b"))
	a, b := s.Get(&p, m, Form{QoS: 1}, 0), s.Get(&p, m, Form{QoS: 1}, 0)
	if a != b {
		t.Error("the same form twice: got two frames")
	}
	for _, other := range []Form{{}, {QoS: 2}, {QoS: 1, Retain: true}, {QoS: 1, V5: true}} {
		if s.Get(&p, m, other, 0) == a {
			t.Errorf("%+v shares a frame with QoS 1", other)
		}
	}
	a.Hold()
	s.Done(&p)
	if got := p.Framed(); got != 1 {
		t.Errorf("frames after Done with one held: got %d, want 1", got)
	}
	p.ReleaseFrame(a)
	if got := p.Framed(); got != 0 {
		t.Errorf("frames: got %d, want 0", got)
	}
}
