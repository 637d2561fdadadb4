package tools

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/scripts/realclients/rig"
)

// 5.0: the properties of a PUBLISH reach the subscriber as they were, user properties in their order.
func TestPropertiesOfAPublish(t *testing.T) {
	eachPair(t, func(t *testing.T, p pair) {
		topic := topic(t)
		s := p.Sub(t, "-V", "5", "-q", "1", "-t", topic, "-F", "%C|%R|%D|%F|%P|%p", "-C", "1")
		p.Pub(t, "-V", "5", "-q", "1", "-t", topic, "-m", "21.5",
			"-D", "publish", "content-type", "text/plain",
			"-D", "publish", "response-topic", topic+"/answer",
			"-D", "publish", "correlation-data", "request-7",
			"-D", "publish", "payload-format-indicator", "1",
			"-D", "publish", "user-property", "unit", "C",
			"-D", "publish", "user-property", "room", "kitchen",
			"-D", "publish", "user-property", "unit", "F")
		s.Want(t, "text/plain|"+topic+"/answer|request-7|1|unit:C room:kitchen unit:F|21.5")
	})
}

// The interval that is left, not the one that was published, is forwarded; a message that has expired is not delivered.
func TestMessageExpiry(t *testing.T) {
	eachPair(t, func(t *testing.T, p pair) {
		topic := topic(t)
		mine := []string{"-V", "5", "-c", "-i", id(t, p) + "-expiry", "-q", "1", "-t", topic}
		p.RunSub(t, append(mine, "-E")...)
		p.Pub(t, "-V", "5", "-q", "1", "-t", topic, "-m", "short", "-D", "publish", "message-expiry-interval", "1")
		p.Pub(t, "-V", "5", "-r", "-t", topic+"/kept", "-m", "short", "-D", "publish", "message-expiry-interval", "1")
		p.Pub(t, "-V", "5", "-r", "-t", topic+"/lasting", "-m", "for ever")
		rig.Eventually(t, "the retained message to expire", func() bool { // they come in the order of the filters
			return slices.Equal(p.RunSub(t, "-t", topic+"/kept", "-t", topic+"/lasting", "-C", "1"), []string{"for ever"})
		})
		p.Pub(t, "-V", "5", "-q", "1", "-t", topic, "-m", "long", "-D", "publish", "message-expiry-interval", "100")
		s := p.RunSub(t, append(mine, "-C", "1", "-F", "%E %p")...)
		if len(s) != 1 || !strings.HasSuffix(s[0], " long") || len(strings.Fields(s[0])[0]) > 3 {
			t.Errorf("got %q, want one message, of which at most 100 s are left", s)
		}
	})
}

// %j is JSON with what came.
func TestMessagesAsJSON(t *testing.T) {
	eachPair(t, func(t *testing.T, p pair) {
		topic := topic(t)
		s := p.Sub(t, "-V", "5", "-q", "1", "-t", topic, "-F", "%j", "-C", "1")
		p.Pub(t, "-V", "5", "-q", "1", "-t", topic, "-m", `say "hi"`, "-D", "publish", "content-type", "text/plain")
		var got struct {
			Topic      string
			QoS        int
			Retain     int
			Payload    string
			PayloadLen int
			Properties map[string]any
		}
		line := s.Messages(1)[0]
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if got.Topic != topic || got.QoS != 1 || got.Payload != `say "hi"` || got.PayloadLen != 8 || got.Properties["content-type"] != "text/plain" {
			t.Errorf("got %s", line)
		}
	})
}

// mosquitto_rr asks with a response topic and correlation data; the answerer uses what it was told.
func TestRequestAndResponse(t *testing.T) {
	eachPair(t, func(t *testing.T, p pair) {
		topic := topic(t)
		answerer := p.Sub(t, "-V", "5", "-q", "1", "-t", topic+"/ask", "-F", "%R %D %p", "-C", "1")
		asker := rig.Spawn(t, p.command([]string{"mosquitto_rr"}, []string{"-V", "5", "-q", "1", "-t", topic + "/ask", "-e", topic + "/answer",
			"-m", "how many?", "-D", "publish", "correlation-data", "q1"}))
		asked := strings.SplitN(answerer.Messages(1)[0], " ", 3)
		same(t, asked, []string{topic + "/answer", "q1", "how many?"})
		p.Pub(t, "-V", "5", "-q", "1", "-t", asked[0], "-D", "publish", "correlation-data", asked[1], "-m", "seven")
		if code := asker.Wait(); code != 0 || asker.Out() != "seven\n" {
			t.Errorf("mosquitto_rr printed %q and ended with %d, want %q and 0", asker.Out(), code, "seven\n")
		}
	})
}
