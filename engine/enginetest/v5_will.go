package enginetest

import "time"

// The will, event by event, as the reference's section 7 lists them; and MQTT-3.1.3-9.
var v5Will = []Case{
	v5("MQTT-3.1.3-9", "a new connection within the delay takes the will back", func(t *T) {
		w := t.client("w")
		w.subscribe(t.topic("will"), 0)
		t.withWill("c", 2, 60).cut()
		c := t.session("c")
		t.equal("Session Present", c.connack.flags, byte(1))
		elapse(3500 * time.Millisecond)
		w.nothing(w)
	}),
	v5("will", "DISCONNECT 00 deletes a will with a delay", func(t *T) {
		w := t.client("w")
		w.subscribe(t.topic("will"), 0)
		c := t.withWill("c", 1, 60)
		c.send(disconnectWith(0x00))
		c.closed()
		elapse(2500 * time.Millisecond)
		w.nothing(w)
	}),
	v5("will", "DISCONNECT 04 publishes the will after its delay", func(t *T) {
		afterDelay(t, func(c *conn) { c.send(disconnectWith(0x04)) })
	}),
	v5("will", "an error code in DISCONNECT publishes the will after its delay", func(t *T) {
		afterDelay(t, func(c *conn) { c.send(disconnectWith(0x80)) })
	}),
	v5("will", "the loss of the network publishes the will after its delay", func(t *T) {
		afterDelay(t, func(c *conn) { c.cut() })
	}),
	v5("will", "a protocol error publishes the will after its delay", func(t *T) {
		afterDelay(t, func(c *conn) { c.send(subscribe(5, 1, nil)) })
	}),
	v5("will", "the keep alive's end publishes the will after its delay", func(t *T) {
		w := t.client("w")
		w.subscribe(t.topic("will"), 0)
		connect := sessionOf(t, "c")
		connect.KeepAlive = 1
		connect.Will = &Will{Topic: t.topic("will"), Payload: "gone", Props: [][]byte{p32(propWillDelay, 1)}}
		start := time.Now()
		c := t.connect(connect)
		if _, ok := c.connack.props.get(propServerKeepAlive); ok {
			t.na("announces its own keep alive")
		}
		t.equal("payload", w.receive().Payload, "gone")
		t.notBefore(start, 2500*time.Millisecond)
	}),
	v5("will", "a protocol error publishes a will without delay", func(t *T) {
		w := t.client("w")
		w.subscribe(t.topic("will"), 0)
		c := t.withWill("c", 0, 60)
		c.send(subscribe(5, 1, nil))
		c.closed(0x82, 0x81)
		t.equal("payload", w.receive().Payload, "gone")
	}),
	v5("will", "the end of a session without expiry publishes a will with a delay", func(t *T) {
		w := t.client("w")
		w.subscribe(t.topic("will"), 0)
		t.withWill("c", 600, 0).cut()
		t.equal("payload", w.receive().Payload, "gone")
	}),
	v5("will", "Clean Start within the delay publishes the will", func(t *T) {
		w := t.client("w")
		w.subscribe(t.topic("will"), 0)
		t.withWill("c", 600, 600).cut()
		t.client("c")
		t.equal("payload", w.receive().Payload, "gone")
	}),
	v5("will", "a takeover publishes a will without delay", func(t *T) {
		for _, expiry := range []uint32{0, 60} {
			w := t.client("w")
			w.subscribe(t.topic("will"), 0)
			old := t.withWill("c", 0, expiry)
			t.session("c", expires(0))
			old.told(0x8E)
			t.equal("payload", w.receive().Payload, "gone")
		}
	}),
	v5("will", "a takeover that goes on with the session does not publish a will with a delay", func(t *T) {
		w := t.client("w")
		w.subscribe(t.topic("will"), 0)
		old := t.withWill("c", 1, 60)
		c := t.session("c")
		old.told(0x8E)
		elapse(2500 * time.Millisecond)
		w.nothing(w)
		c.ping()
	}),
	v5("will", "a takeover with Clean Start publishes a will with a delay", func(t *T) {
		w := t.client("w")
		w.subscribe(t.topic("will"), 0)
		old := t.withWill("c", 600, 600)
		t.client("c")
		old.told(0x8E)
		t.equal("payload", w.receive().Payload, "gone")
	}),
	v5("will", "a takeover of a session without expiry publishes a will with a delay", func(t *T) {
		w := t.client("w")
		w.subscribe(t.topic("will"), 0)
		old := t.withWill("c", 600, 0)
		t.session("c", expires(0))
		old.told(0x8E)
		t.equal("payload", w.receive().Payload, "gone")
	}),
	v5("will", "a takeover replaces the will by the new one", func(t *T) {
		w := t.client("w")
		w.subscribe(t.topic("+"), 0)
		old := t.withWill("c", 60, 60)
		connect := sessionOf(t, "c")
		connect.Will = &Will{Topic: t.topic("new"), Payload: "new"}
		c := t.connect(connect)
		old.told(0x8E)
		c.cut()
		t.equal("payload", w.receive().Payload, "new")
	}),
	v5("will", "DISCONNECT with expiry 0 and code 04 publishes the will at once", func(t *T) {
		w := t.client("w")
		w.subscribe(t.topic("will"), 0)
		c := t.withWill("c", 600, 600)
		c.send(disconnectWith(0x04, expires(0)))
		c.closed()
		t.equal("payload", w.receive().Payload, "gone")
	}),
	v5("will", "the will goes out with its properties, and without its delay", func(t *T) {
		w := t.client("w")
		w.subscribe(t.topic("will"), 0)
		c := t.connect(Connect{Will: &Will{Topic: t.topic("will"), Payload: "gone", Props: [][]byte{
			p32(propWillDelay, 5), p8(propPayloadFormat, 1), p32(propMessageExpiry, 60), pStr(propContentType, "t"),
			pStr(propResponseTopic, "r"), pStr(propCorrelationData, "c"), pUser("n", "v"),
		}}})
		c.cut()
		ps := w.receive().props
		t.without(ps, propWillDelay)
		t.equal("number of properties", len(ps), 6)
		t.equal("payload format", t.num(ps, propPayloadFormat), uint32(1))
		t.equal("content type", t.value(ps, propContentType), "t")
		t.equal("response topic", t.value(ps, propResponseTopic), "r")
		t.equal("correlation data", t.value(ps, propCorrelationData), "c")
		t.equal("user properties", ps.users(), []string{"n=v"})
	}),
	v5("will", "an empty will deletes the retained message", func(t *T) {
		w, p := t.client("w"), t.client("p")
		p.retain(Message{Topic: t.topic("will"), Payload: "here"})
		w.subscribe(t.topic("will"), 0|retainNever)
		t.connect(Connect{Will: &Will{Topic: t.topic("will"), Retain: true}}).cut()
		t.equal("payload", w.receive().Payload, "")
		w.subscribe(t.topic("+"), 0)
		w.nothing(p)
	}),
	v5("will", "a client's own will reaches its session", func(t *T) {
		connect := sessionOf(t, "c")
		connect.Will = &Will{Topic: t.topic("will"), Payload: "gone", QoS: 1}
		c := t.connect(connect)
		c.subscribe(t.topic("will"), 1)
		c.send(disconnectWith(0x04))
		c.closed()
		t.equal("payload", t.session("c").receive().Payload, "gone")
	}),
}

// afterDelay has a client with a will, a delay of one second and a session that lasts end its connection in this way.
func afterDelay(t *T, end func(c *conn)) {
	t.Helper()
	w := t.client("w")
	w.subscribe(t.topic("will"), 0)
	c := t.withWill("c", 1, 60)
	start := time.Now()
	end(c)
	t.equal("payload", w.receive().Payload, "gone")
	t.notBefore(start, time.Second)
	w.nothing(w)
}
