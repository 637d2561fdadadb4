package enginetest

// Overlapping subscriptions and their identifiers (Penstock's choice: one copy, the highest QoS, all identifiers), problem
// information, and request and response.
var v5Overlap = []Case{
	v5("overlap", "one copy, with the highest QoS and all identifiers", func(t *T) {
		if t.hall.foreign {
			t.na("may send a copy for each subscription")
		}
		c, p := t.client("c"), t.client("p")
		for i, f := range []string{"a/b", "a/+", "a/#", "+/b"} {
			c.subscribe(t.topic(f), byte(i%3), pVar(propSubscriptionID, uint32(i+1)))
		}
		for qos := range byte(3) {
			p.publish(Message{Topic: t.topic("a/b"), QoS: qos})
			list := c.messages(p)
			t.equal("number of copies", len(list), 1)
			t.equal("QoS", list[0].QoS, qos)
			t.equal("identifiers", list[0].subscriptionIDs(), []uint32{1, 2, 3, 4})
		}
	}),
	v5("overlap", "equal identifiers of several subscriptions", func(t *T) {
		c := t.client("c")
		c.subscribeAll([][]byte{pVar(propSubscriptionID, 9)}, filter(t.topic("a"), 0), filter(t.topic("+"), 0))
		c.publish(Message{Topic: t.topic("a")})
		for _, m := range c.messages(c) {
			for _, id := range m.subscriptionIDs() {
				t.equal("identifier", id, uint32(9))
			}
		}
	}),
	v5("overlap", "an identifier belongs to every filter of its SUBSCRIBE, and to no other client", func(t *T) {
		c, other := t.client("c"), t.client("other")
		c.subscribeAll([][]byte{pVar(propSubscriptionID, 128)}, filter(t.topic("a"), 0), filter(t.topic("b"), 0))
		other.subscribe(t.topic("a"), 0)
		c.publish(Message{Topic: t.topic("a")})
		c.publish(Message{Topic: t.topic("b")})
		t.equal("identifiers", c.receive().subscriptionIDs(), []uint32{128})
		t.equal("identifiers", c.receive().subscriptionIDs(), []uint32{128})
		t.without(other.receive().props, propSubscriptionID)
	}),
	v5("overlap", "identifiers of every size come back", func(t *T) {
		c := t.client("c")
		for _, id := range []uint32{1, 127, 128, 16383, 16384, 2097151, 2097152, 268435455} {
			c.subscribe(t.topic("a"), 0, pVar(propSubscriptionID, id))
			c.publish(Message{Topic: t.topic("a")})
			t.equal("identifiers", c.receive().subscriptionIDs(), []uint32{id})
		}
	}),
	v5("overlap", "No Local of one subscription does not silence the other", func(t *T) {
		c := t.client("c")
		c.subscribe(t.topic("a"), 1|noLocal, pVar(propSubscriptionID, 1))
		c.subscribe(t.topic("+"), 0, pVar(propSubscriptionID, 2))
		c.publish(Message{Topic: t.topic("a"), QoS: 1})
		list := c.messages(c)
		t.equal("number of copies", len(list), 1)
		t.equal("QoS", list[0].QoS, byte(0))
		t.equal("identifiers", list[0].subscriptionIDs(), []uint32{2})
	}),
	v5("overlap", "after one of two subscriptions went the other delivers", func(t *T) {
		c, p := t.client("c"), t.client("p")
		c.subscribe(t.topic("a"), 2, pVar(propSubscriptionID, 1))
		c.subscribe(t.topic("+"), 1, pVar(propSubscriptionID, 2))
		c.unsubscribe(t.topic("a"))
		p.publish(Message{Topic: t.topic("a"), QoS: 2})
		list := c.messages(p)
		t.equal("number of copies", len(list), 1)
		t.equal("QoS", list[0].QoS, byte(1))
		t.equal("identifiers", list[0].subscriptionIDs(), []uint32{2})
	}),
	v5("problem", "Request Problem Information 0 leaves CONNACK, PUBLISH and DISCONNECT free", func(t *T) {
		c := t.client("c", p8(propRequestProblem, 0))
		c.subscribe(t.topic("a"), 0)
		c.publish(Message{Topic: t.topic("a"), Props: [][]byte{pUser("n", "v")}})
		t.equal("user properties", c.receive().props.users(), []string{"n=v"})
		c.send(subscribe(5, 1, nil))
		c.closed(0x82, 0x81)
	}),
	v5("problem", "Request Problem Information 0 keeps every acknowledgement bare", func(t *T) {
		c := t.client("c", p8(propRequestProblem, 0))
		for _, packet := range [][]byte{
			ack(0x62, 1), ack(0x50, 2), unsubscribe(5, 3, t.topic("none")), subscribe5(t.topic("a"), 0),
			Message{Topic: t.topic("b"), QoS: 1, ID: 4}.encode(5), Message{Topic: t.topic("b"), QoS: 2, ID: 5}.encode(5),
		} {
			c.send(packet)
			p := c.next()
			t.without(c.parse(p.typ(), p).props, propReasonString, propUser)
		}
	}),
	v5("problem", "a reason string says what is wrong where that is wanted", func(t *T) {
		if t.hall.foreign {
			t.na("may be silent")
		}
		c := t.client("c", p8(propRequestProblem, 1))
		c.send(subscribe(5, 1, nil))
		t.equal("DISCONNECT says something", t.value(c.reply(typDisconnect).props, propReasonString) != "", true)
		c = t.dial()
		c.send(connectRaw(5, 0x03, 0, nil, str(t.id("c"))))
		t.equal("CONNACK says something", t.value(c.reply(typConnack).props, propReasonString) != "", true)
	}),
	v5("request", "a request is answered by way of its Response Topic", func(t *T) {
		client, server := t.client("client"), t.client("server")
		client.subscribe(t.topic("replies"), 0)
		server.subscribe(t.topic("requests"), 0)
		client.publish(Message{Topic: t.topic("requests"), Payload: "?", Props: [][]byte{
			pStr(propResponseTopic, t.topic("replies")), pStr(propCorrelationData, "\x00\x01"),
		}})
		m := server.receive()
		server.publish(Message{Topic: t.value(m.props, propResponseTopic), Payload: "!", Props: [][]byte{
			pStr(propCorrelationData, t.value(m.props, propCorrelationData)),
		}})
		m = client.receive()
		t.equal("payload", m.Payload, "!")
		t.equal("correlation data", t.value(m.props, propCorrelationData), "\x00\x01")
	}),
}
