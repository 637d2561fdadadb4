package engine

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// rewriter does by topic what the test asks for.
type rewriter struct{}

func (rewriter) Rewrite(c ClientInfo, m *Message) mqtt.Reason {
	switch string(m.Topic) {
	case "move":
		m.Topic = append([]byte("moved/"), c.ClientID...)
		m.Payload = bytes.ToUpper(m.Payload)
	case "refuse":
		return mqtt.QuotaExceeded
	case "break":
		m.Topic = []byte("a/#")
	case "system":
		m.Topic = []byte("$SYS/broker/version")
	}
	return mqtt.Success
}

func TestARewriterChangesOrRefusesWhatIsPublished(t *testing.T) {
	ctx := context.Background()
	cfg := DefaultConfig()
	cfg.Listeners[0].Address, cfg.Sys.Interval = "127.0.0.1:0", 0
	b, err := New(cfg, Parts{Rewriter: rewriter{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	defer b.Stop(ctx)
	got := make(chan string, 10)
	for _, filter := range []string{"#", "$SYS/#"} {
		if _, err := b.Subscribe(ctx, filter, func(m Message) { got <- string(m.Topic) + " " + string(m.Payload) }); err != nil {
			t.Fatal(err)
		}
	}
	c, _, err := client.Dial(ctx, client.Options{Addr: strings.TrimPrefix(b.Addrs()[0].URL, "tcp://"), ClientID: "me", Version: mqtt.V5, CleanStart: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, x := range []struct {
		topic  string
		reason mqtt.Reason
		want   string
	}{
		{"as/it/is", mqtt.Success, "as/it/is text"},
		{"move", mqtt.Success, "moved/me TEXT"},
		{"refuse", mqtt.QuotaExceeded, ""},
		{"break", mqtt.ImplementationSpecificError, ""},
		{"system", mqtt.ImplementationSpecificError, ""},
		{"last", mqtt.Success, "last text"},
	} {
		err := c.Publish(ctx, client.Message{Topic: x.topic, Payload: []byte("text"), QoS: 1})
		if x.reason == mqtt.Success && err != nil || x.reason != mqtt.Success && !errors.Is(err, x.reason) {
			t.Errorf("%s: got %v, want %v", x.topic, err, x.reason)
		}
		if x.want == "" {
			continue
		}
		if m := <-got; m != x.want {
			t.Errorf("%s: got %q, want %q", x.topic, m, x.want)
		}
	}
}
