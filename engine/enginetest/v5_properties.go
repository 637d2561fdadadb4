package enginetest

import "fmt"

// oneOf has each property once, with a value that is right.
var oneOf = map[byte][]byte{
	propPayloadFormat: p8(propPayloadFormat, 1), propMessageExpiry: p32(propMessageExpiry, 60),
	propContentType: pStr(propContentType, "t"), propResponseTopic: pStr(propResponseTopic, "r"),
	propCorrelationData: pStr(propCorrelationData, "c"), propSubscriptionID: pVar(propSubscriptionID, 1),
	propSessionExpiry: expires(0), propAssignedClientID: pStr(propAssignedClientID, "a"),
	propServerKeepAlive: p16(propServerKeepAlive, 60), propAuthMethod: pStr(propAuthMethod, "m"),
	propAuthData: pStr(propAuthData, "d"), propRequestProblem: p8(propRequestProblem, 1),
	propWillDelay: p32(propWillDelay, 0), propRequestResponse: p8(propRequestResponse, 1),
	propResponseInfo: pStr(propResponseInfo, "i"), propServerReference: pStr(propServerReference, "s"),
	propReasonString: pStr(propReasonString, "r"), propReceiveMaximum: p16(propReceiveMaximum, 10),
	propTopicAliasMaximum: p16(propTopicAliasMaximum, 10), propTopicAlias: p16(propTopicAlias, 1),
	propMaximumQoS: p8(propMaximumQoS, 1), propRetainAvailable: p8(propRetainAvailable, 1),
	propUser: pUser("n", "v"), propMaximumPacketSize: p32(propMaximumPacketSize, 1000),
	propWildcardAvailable: p8(propWildcardAvailable, 1), propSubscriptionIDAvailable: p8(propSubscriptionIDAvailable, 1),
	propSharedAvailable: p8(propSharedAvailable, 1),
}

// carrier is a packet that a client sends, with the properties it may have.
type carrier struct {
	name    string
	allowed []byte
	packet  func(t *T, p ...[]byte) []byte
	ends    bool // the packet ends the connection although nothing is wrong
	opens   bool // the packet is the first of its connection
}

var carriers = []carrier{
	{
		name: "CONNECT", opens: true,
		allowed: []byte{
			propSessionExpiry, propRequestProblem, propRequestResponse, propReceiveMaximum, propTopicAliasMaximum, propUser,
			propMaximumPacketSize, propAuthMethod, propAuthData,
		},
		packet: func(t *T, p ...[]byte) []byte { return connectRaw(5, 0x02, 0, p, str(t.id("c"))) },
	}, {
		name: "a will", opens: true,
		allowed: []byte{
			propPayloadFormat, propMessageExpiry, propContentType, propResponseTopic, propCorrelationData, propWillDelay, propUser,
		},
		packet: func(t *T, p ...[]byte) []byte {
			return connectRaw(5, 0x06, 0, nil, str(t.id("c")), propBlock(p...), str(t.topic("w")), str("gone"))
		},
	}, {
		name: "PUBLISH",
		allowed: []byte{
			propPayloadFormat, propMessageExpiry, propContentType, propResponseTopic, propCorrelationData, propTopicAlias, propUser,
		},
		packet: func(t *T, p ...[]byte) []byte { return publish5(t.topic("a"), "x", p...) },
	},
	ackCarrier("PUBACK", 0x40), ackCarrier("PUBREC", 0x50), ackCarrier("PUBREL", 0x62), ackCarrier("PUBCOMP", 0x70),
	{
		name: "SUBSCRIBE", allowed: []byte{propSubscriptionID, propUser},
		packet: func(t *T, p ...[]byte) []byte { return subscribe5(t.topic("a"), 0, p...) },
	}, {
		name: "UNSUBSCRIBE", allowed: []byte{propUser},
		packet: func(t *T, p ...[]byte) []byte { return packetOf(0xA2, u16(1), propBlock(p...), str(t.topic("a"))) },
	}, {
		name: "DISCONNECT", allowed: []byte{propSessionExpiry, propReasonString, propUser}, ends: true,
		packet: func(_ *T, p ...[]byte) []byte { return disconnectWith(0, p...) },
	},
}

func ackCarrier(name string, first byte) carrier {
	return carrier{
		name: name, allowed: []byte{propReasonString, propUser},
		packet: func(_ *T, p ...[]byte) []byte { return ackWith(first, 1, 0, p...) },
	}
}

// v5Properties tries every property in every packet of a client: once where it is allowed, twice, and where it is not allowed.
var v5Properties = propertyCases()

func propertyCases() (list []Case) {
	for _, k := range carriers {
		list = append(list,
			v5("properties", k.name+" with the properties it may have", func(t *T) { k.taken(t) }),
			v5("properties", k.name+" with the same property twice", func(t *T) { k.twice(t) }),
			v5("properties", k.name+" with properties of other packets", func(t *T) { k.misplaced(t) }),
		)
	}
	return list
}

func (k carrier) may(id byte) bool {
	for _, allowed := range k.allowed {
		if id == allowed {
			return true
		}
	}
	return false
}

// open is a connection on which the packet may be sent.
func (k carrier) open(t *T) *conn {
	t.Helper()
	if k.opens {
		return t.dial()
	}
	return t.client("c")
}

func (k carrier) taken(t *T) {
	t.Helper()
	for _, id := range k.allowed {
		if id == propAuthMethod || id == propAuthData {
			continue // for brokers that know the method
		}
		c := k.open(t)
		if k.name == "PUBLISH" && id == propTopicAlias {
			t.aliasMaximum(c)
		}
		p := oneOf[id]
		if id == propUser {
			p = cat(p, p) // which may be there more than once
		}
		c.send(k.packet(t, p))
		switch {
		case k.ends:
			c.closed()
		case k.opens:
			t.equal(fmt.Sprintf("code with property %02X", id), c.takeConnack().code, byte(0))
		default:
			c.alive()
		}
	}
}

func (k carrier) twice(t *T) {
	t.Helper()
	for _, id := range k.allowed {
		if id == propUser {
			continue
		}
		p := [][]byte{oneOf[id], oneOf[id]}
		if id == propAuthData {
			p = append(p, oneOf[propAuthMethod])
		}
		c := k.open(t)
		c.send(k.packet(t, p...))
		c.told(0x82)
	}
}

func (k carrier) misplaced(t *T) {
	t.Helper()
	for id := range oneOf {
		if k.may(id) {
			continue
		}
		c := k.open(t)
		c.send(k.packet(t, oneOf[id]))
		c.told(0x81, 0x82)
	}
}
