package enginetest

import (
	"fmt"
	"slices"
	"time"
)

// Retained messages: section 3.3.1, subscription options Retain Handling and Retain As Published, and the reference's section 8.
var v5Retain = []Case{
	v5("MQTT-3.3.1-5", "a retained message replaces the one before", func(t *T) {
		p, c := t.client("p"), t.client("c")
		p.retain(Message{Topic: t.topic("a"), Payload: "v1"})
		p.retain(Message{Topic: t.topic("a"), Payload: "v2"})
		c.subscribe(t.topic("a"), 1)
		m := c.receive()
		t.equal("payload", m.Payload, "v2")
		t.equal("RETAIN", m.Retain, true)
		c.nothing(p)
	}),
	v5("MQTT-3.3.1-6", "an empty retained message is forwarded and deletes", func(t *T) {
		p, c, late := t.client("p"), t.client("c"), t.client("late")
		p.retain(Message{Topic: t.topic("a"), Payload: "v1"})
		c.subscribe(t.topic("a"), 1)
		c.receive()
		p.publish(Message{Topic: t.topic("a"), QoS: 1, Retain: true})
		m := c.receive()
		t.equal("payload", m.Payload, "")
		t.equal("RETAIN", m.Retain, false)
		late.subscribe(t.topic("a"), 1)
		late.nothing(p)
	}),
	v5("MQTT-3.3.1-7", "an empty message is not stored", func(t *T) {
		p, c := t.client("p"), t.client("c")
		p.publish(Message{Topic: t.topic("a"), QoS: 1, Retain: true})
		c.subscribe(t.topic("a"), 1)
		c.nothing(p)
	}),
	v5("MQTT-3.3.1-8", "a message with RETAIN 0 leaves the retained one alone", func(t *T) {
		p, c := t.client("p"), t.client("c")
		p.retain(Message{Topic: t.topic("a"), Payload: "v1"})
		p.publish(Message{Topic: t.topic("a"), QoS: 1, Payload: "v2"})
		p.publish(Message{Topic: t.topic("a"), QoS: 1})
		c.subscribe(t.topic("a"), 1)
		c.payloads(p, "v1")
	}),
	v5("MQTT-3.3.1-9", "Retain Handling 0 sends retained messages at every SUBSCRIBE", func(t *T) {
		retainHandling(t, 0, "kept", "kept", "kept")
	}),
	v5("MQTT-3.3.1-10", "Retain Handling 1 sends retained messages to a new subscription only", func(t *T) {
		retainHandling(t, retainIfNew, "kept", "", "kept")
	}),
	v5("MQTT-3.3.1-11", "Retain Handling 2 sends no retained messages", func(t *T) {
		retainHandling(t, retainNever, "", "", "")
	}),
	v5("MQTT-3.3.1-11", "Retain Handling 2 does not keep live messages off", func(t *T) {
		c := t.client("c")
		c.subscribe(t.topic("a"), 1|retainNever)
		c.publish(Message{Topic: t.topic("a"), Payload: "live"})
		c.payloads(c, "live")
	}),
	v5("MQTT-3.3.1-12", "RETAIN is 0 without Retain As Published", func(t *T) { retainFlags(t, 0, false, false) }),
	v5("MQTT-3.3.1-13", "RETAIN is kept with Retain As Published", func(t *T) { retainFlags(t, retainAsPublished, true, false) }),
	v5("retain", "a wildcard subscription gets every matching retained message", func(t *T) {
		p, c := t.client("p"), t.client("c")
		topics := []string{"a", "a/b", "a/b/c", "a//c", "b"}
		for _, topic := range topics {
			p.retain(Message{Topic: t.topic(topic), Payload: topic})
		}
		c.subscribe(t.topic("a/#"), 1)
		var got []string
		for range 4 {
			m := c.receive()
			t.equal("RETAIN", m.Retain, true)
			got = append(got, m.Payload)
		}
		slices.Sort(got)
		t.equal("payloads", got, []string{"a", "a//c", "a/b", "a/b/c"})
		c.nothing(p)
	}),
	v5("retain", "retained messages come at the lower of their QoS and the granted one", func(t *T) {
		p := t.client("p")
		for stored := byte(1); stored <= 2; stored++ {
			topic := t.topic(fmt.Sprint(stored))
			p.retain(Message{Topic: topic, Payload: "x", QoS: stored})
			for granted := range byte(3) {
				c := t.client("c")
				c.subscribe(topic, granted)
				t.equal("QoS", c.receive().QoS, min(stored, granted))
			}
		}
	}),
	v5("retain", "a retained message is sent to a subscription without Retain As Published with RETAIN 1", func(t *T) {
		p, c := t.client("p"), t.client("c")
		p.retain(Message{Topic: t.topic("a"), Payload: "x"})
		for _, options := range []byte{1, 1 | retainAsPublished, 1 | noLocal} {
			c.subscribe(t.topic("a"), options)
			t.equal("RETAIN", c.receive().Retain, true)
		}
	}),
	v5("retain", "retained messages carry the identifier of the subscription that asks", func(t *T) {
		p, c := t.client("p"), t.client("c")
		p.retain(Message{Topic: t.topic("a"), Payload: "x"})
		c.subscribe(t.topic("a"), 1, pVar(propSubscriptionID, 268435455))
		t.equal("identifiers", c.receive().subscriptionIDs(), []uint32{268435455})
	}),
	v5("retain", "a resumed session is not sent retained messages again", func(t *T) {
		p, c := t.client("p"), t.session("c")
		p.retain(Message{Topic: t.topic("a"), Payload: "x"})
		c.subscribe(t.topic("a"), 1)
		c.receive()
		c.disconnect()
		t.session("c").nothing(p)
	}),
	v5("retain", "a subscription deleted and made again is new", func(t *T) {
		p, c := t.client("p"), t.client("c")
		p.retain(Message{Topic: t.topic("a"), Payload: "x"})
		for range 2 {
			c.subscribe(t.topic("a"), 1|retainIfNew)
			c.payloads(p, "x")
			c.unsubscribe(t.topic("a"))
		}
	}),
	v5("retain", "another subscription that matches too is new", func(t *T) {
		p, c := t.client("p"), t.client("c")
		p.retain(Message{Topic: t.topic("a/b"), Payload: "x"})
		for _, f := range []string{"a/b", "a/+", "a/#"} {
			c.subscribe(t.topic(f), 1|retainIfNew)
			c.payloads(p, "x")
		}
	}),
	v5("retain", "a retained message comes with its properties and the rest of its expiry", func(t *T) {
		p, c := t.client("p"), t.client("c")
		p.retain(Message{Topic: t.topic("a"), Payload: "x", Props: [][]byte{p32(propMessageExpiry, 10), pStr(propContentType, "t")}})
		elapse(2100 * time.Millisecond)
		c.subscribe(t.topic("a"), 1)
		m := c.receive()
		t.equal("content type", t.value(m.props, propContentType), "t")
		t.remaining(m, 10, 2)
	}),
	v5("retain", "a retained message whose expiry ran out is gone", func(t *T) {
		p, c := t.client("p"), t.client("c")
		p.retain(Message{Topic: t.topic("a"), Payload: "x", Props: [][]byte{p32(propMessageExpiry, 1)}})
		elapse(2200 * time.Millisecond)
		c.subscribe(t.topic("a"), 1)
		c.nothing(p)
	}),
	v5("retain", "more retained messages than the client's Receive Maximum come as it acknowledges", func(t *T) {
		p, c := t.client("p"), t.client("c", p16(propReceiveMaximum, 3))
		for i := range 50 {
			p.retain(Message{Topic: t.topic(fmt.Sprintf("a/%d", i)), Payload: "x", QoS: byte(1 + i%2)})
		}
		c.subscribe(t.topic("a/+"), 2)
		seen := map[string]bool{}
		for range 50 {
			seen[c.receive().Topic] = true
		}
		t.equal("number of topics", len(seen), 50)
		c.nothing(p)
	}),
	v5("retain", "a retained message survives its publisher", func(t *T) {
		p := t.client("p")
		p.retain(Message{Topic: t.topic("a"), Payload: "x"})
		p.disconnect()
		c := t.client("c")
		c.subscribe(t.topic("a"), 1)
		c.payloads(c, "x")
	}),
}

// retainHandling subscribes with these options, subscribes again, deletes the subscription and subscribes a third time; want
// is what the SUBSCRIBEs bring of a retained message.
func retainHandling(t *T, options byte, want ...string) {
	t.Helper()
	p, c := t.client("p"), t.client("c")
	p.retain(Message{Topic: t.topic("a"), Payload: "kept"})
	for i, payload := range want {
		if i == 2 {
			c.unsubscribe(t.topic("a"))
		}
		c.subscribe(t.topic("a"), 1|options)
		if payload == "" {
			c.nothing(p)
		} else {
			c.payloads(p, payload)
		}
	}
}

// retainFlags publishes with RETAIN 1 and 0 to a subscription with these options; want are the flags of the deliveries.
func retainFlags(t *T, options byte, want ...bool) {
	t.Helper()
	p, c := t.client("p"), t.client("c")
	for qos := range byte(3) {
		c.subscribe(t.topic("a"), qos|options|retainNever)
		p.retain(Message{Topic: t.topic("a"), Payload: "x", QoS: qos})
		p.publish(Message{Topic: t.topic("a"), Payload: "x", QoS: qos})
		for _, retain := range want {
			t.equal("RETAIN", c.receive().Retain, retain)
		}
	}
}
