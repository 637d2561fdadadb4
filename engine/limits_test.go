package engine

import (
	"errors"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

func TestTheLevelsOfShortTopicsAreCountedToo(t *testing.T) {
	cfg := settings()
	cfg.Limits.MaxTopicLevels = 3
	_, addr := serve(t, cfg, Parts{})
	c, _ := meet(t, addr, "c")
	for _, x := range []struct {
		topic string
		want  error
	}{{"a/b/c", nil}, {"a/b/c/d", mqtt.TopicNameInvalid}, {"///", mqtt.TopicNameInvalid}, {"abcd", nil}} {
		if err := c.Publish(soon(t), client.Message{Topic: x.topic, QoS: 1}); x.want != nil && !errors.Is(err, x.want) || x.want == nil && err != nil {
			t.Errorf("publish to %q: got %v, want %v", x.topic, err, x.want)
		}
		codes, _ := c.Subscribe(soon(t), []client.Filter{{Filter: x.topic}}, func(*client.Message) {})
		if refused := codes[0] == mqtt.TopicFilterInvalid; refused != (x.want != nil) {
			t.Errorf("subscribe to %q: got %v", x.topic, codes)
		}
		_, _, err := dial(t, addr, "w", func(o *client.Options) { o.Will = &client.Message{Topic: x.topic} })
		if x.want != nil && !errors.Is(err, x.want) || x.want == nil && err != nil {
			t.Errorf("will to %q: got %v, want %v", x.topic, err, x.want)
		}
	}
}

func TestATopicIsNotLongerWithItsMountpointThanATopicMayBe(t *testing.T) {
	cfg := settings()
	cfg.Listeners[0].Mountpoint = "site/"
	_, addr := serve(t, cfg, Parts{})
	c, _ := meet(t, addr, "c")
	for _, n := range []int{maxTopic - len("site/"), maxTopic - len("site/") + 1, maxTopic} {
		topic, fits := strings.Repeat("x", n), n+len("site/") <= maxTopic
		got := make(chan string, 1)
		codes, err := c.Subscribe(soon(t), []client.Filter{{Filter: topic}}, func(m *client.Message) { got <- m.Topic })
		if err != nil || codes[0].Failed() == fits {
			t.Errorf("subscribe to %d bytes: got %v %v", n, codes, err)
		}
		err = c.Publish(soon(t), client.Message{Topic: topic, QoS: 1})
		if fits && err != nil || !fits && !errors.Is(err, mqtt.TopicNameInvalid) {
			t.Errorf("publish to %d bytes: got %v", n, err)
		}
		if fits && <-got != topic {
			t.Errorf("%d bytes of topic came back as others", n)
		}
		if _, _, err = dial(t, addr, "w", func(o *client.Options) { o.Will = &client.Message{Topic: topic} }); (err == nil) != fits {
			t.Errorf("will to %d bytes: got %v", n, err)
		}
	}
}

func TestAWillIsValidatedLikeAPublish(t *testing.T) {
	cfg := settings()
	cfg.Limits.ValidatePayloadFormat = true
	_, addr := serve(t, cfg, Parts{})
	for payload, want := range map[string]error{"gut": nil, "\xff": mqtt.PayloadFormatInvalid} {
		_, _, err := dial(t, addr, "w", func(o *client.Options) {
			o.Will = &client.Message{Topic: "t", Payload: []byte(payload)}
			o.Will.Props.PayloadFormat = 1
			o.Will.Props.Set(mqtt.PropPayloadFormat)
		})
		if want == nil && err != nil || !errors.Is(err, want) {
			t.Errorf("will %q: got %v, want %v", payload, err, want)
		}
	}
}
