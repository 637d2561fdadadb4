package badinput

import (
	"fmt"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// sample is a packet that a client may send.
type sample struct {
	name string
	wire []byte
}

func with(p mqtt.Properties, ids ...mqtt.PropID) mqtt.Properties {
	for _, id := range ids {
		p.Set(id)
	}
	return p
}

var user = []mqtt.UserProperty{{Name: []byte("n"), Value: []byte("v")}}

// helloPacket is a CONNECT with all that a CONNECT can have. The client identifier ends it, so that no mutant takes
// somebody's session.
func helloPacket(v mqtt.Version, id string) []byte {
	p := mqtt.Connect{
		Version: v, CleanStart: true, KeepAlive: 60, ClientID: []byte(id), HasWill: true,
		Will:        mqtt.Will{Topic: []byte("w/t"), Payload: []byte("bye"), QoS: 1},
		HasUsername: true, HasPassword: true, Username: []byte("me"), Password: []byte("pw"),
	}
	if v == mqtt.V5 {
		p.Props = with(mqtt.Properties{SessionExpiry: 0, ReceiveMaximum: 7, MaximumPacketSize: 10000, TopicAliasMaximum: 3, RequestResponse: 1, RequestProblem: 1, User: user},
			mqtt.PropSessionExpiry, mqtt.PropReceiveMaximum, mqtt.PropMaximumPacketSize, mqtt.PropTopicAliasMaximum, mqtt.PropRequestResponse, mqtt.PropRequestProblem)
		p.Will.Props = with(mqtt.Properties{PayloadFormat: 1, MessageExpiry: 9, ContentType: []byte("ct"), ResponseTopic: []byte("r"), CorrelationData: []byte{1, 2}, User: user},
			mqtt.PropPayloadFormat, mqtt.PropMessageExpiry, mqtt.PropContentType, mqtt.PropResponseTopic, mqtt.PropCorrelationData)
	}
	return p.AppendTo(nil)
}

// samples are packets that a connected client may send, and some that only a server may.
func samples(v mqtt.Version) (list []sample) {
	add := func(name string, wire []byte) { list = append(list, sample{fmt.Sprintf("%v/%s", v, name), wire}) }
	var props, said, filed mqtt.Properties
	if v == mqtt.V5 {
		props = with(mqtt.Properties{PayloadFormat: 1, MessageExpiry: 9, TopicAlias: 2, ResponseTopic: []byte("r"), CorrelationData: []byte{1}, ContentType: []byte("c"), User: user},
			mqtt.PropPayloadFormat, mqtt.PropMessageExpiry, mqtt.PropTopicAlias, mqtt.PropResponseTopic, mqtt.PropCorrelationData, mqtt.PropContentType)
		said = with(mqtt.Properties{ReasonString: []byte("so"), User: user}, mqtt.PropReasonString)
		filed = mqtt.Properties{SubscriptionIDs: []uint32{200}, User: user}
	}
	for qos := range byte(3) {
		p := mqtt.Publish{QoS: qos, Topic: []byte("m/topic"), Payload: []byte("payload"), Props: props}
		if qos > 0 {
			p.ID = 10
		}
		add(fmt.Sprint("PUBLISH ", qos), p.AppendTo(nil, v))
	}
	for t := mqtt.PUBACK; t <= mqtt.PUBCOMP; t++ {
		a := mqtt.Ack{Type: t, ID: 77}
		add(t.String(), a.AppendTo(nil, v, 0))
		if v == mqtt.V5 {
			a.Props = said
			if a.Reason = mqtt.UnspecifiedError; t >= mqtt.PUBREL {
				a.Reason = mqtt.PacketIdentifierNotFound
			}
			add(t.String()+" with reason", a.AppendTo(nil, v, 0))
		}
	}
	sub := mqtt.Subscribe{ID: 5, Props: filed, Filters: []mqtt.Subscription{{Filter: []byte("m/+/x"), Options: 1}, {Filter: []byte("$share/g/m/#"), Options: 2}}}
	add("SUBSCRIBE", sub.AppendTo(nil, v, 0))
	filed.SubscriptionIDs = nil
	unsub := mqtt.Unsubscribe{ID: 6, Props: filed, Filters: [][]byte{[]byte("m/+/x"), []byte("a")}}
	add("UNSUBSCRIBE", unsub.AppendTo(nil, v, 0))
	add("PINGREQ", mqtt.AppendPingreq(nil))
	add("CONNECT", helloPacket(v, "again"))
	add("CONNACK", (&mqtt.Connack{}).AppendTo(nil, v, 0))
	add("SUBACK", (&mqtt.Suback{ID: 1, Codes: []mqtt.Reason{0}}).AppendTo(nil, v, 0))
	add("UNSUBACK", (&mqtt.Unsuback{ID: 1, Codes: []mqtt.Reason{0}}).AppendTo(nil, v, 0))
	add("PINGRESP", mqtt.AppendPingresp(nil))
	bye := mqtt.Disconnect{}
	if v == mqtt.V5 {
		bye = mqtt.Disconnect{Reason: mqtt.DisconnectWithWillMessage, Props: with(said, mqtt.PropSessionExpiry)}
		step := mqtt.Auth{Reason: mqtt.ContinueAuthentication, Props: with(mqtt.Properties{AuthMethod: []byte(method), AuthData: []byte("d"), User: user}, mqtt.PropAuthMethod, mqtt.PropAuthData)}
		add("AUTH", step.AppendTo(nil, v, 0))
	}
	add("DISCONNECT", bye.AppendTo(nil, v, 0))
	return list
}

// crooked are streams that no change of one byte makes.
var crooked = []sample{
	{"a remaining length of five bytes", []byte{0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F}},
	{"the largest remaining length", []byte{0x30, 0xFF, 0xFF, 0xFF, 0x7F, 0, 1, 'a'}},
	{"a remaining length longer than need be", []byte{0xC0, 0x80, 0x80, 0x00}},
	{"an overlong UTF-8 form", []byte{0x30, 5, 0, 2, 0xC0, 0x80, 'x'}},
	{"a surrogate", []byte{0x30, 6, 0, 3, 0xED, 0xA0, 0x80, 'x'}},
	{"a character above U+10FFFF", []byte{0x30, 7, 0, 4, 0xF4, 0x90, 0x80, 0x80, 'x'}},
	{"half a character", []byte{0x30, 5, 0, 2, 'a', 0xE2, 'x'}},
	{"U+0000 in a topic", []byte{0x30, 5, 0, 2, 'a', 0, 'x'}},
	{"a topic longer than the packet", []byte{0x30, 5, 0xFF, 0xFF, 'a', 'b', 'c'}},
	{"QoS 3", []byte{0x36, 6, 0, 1, 'a', 0, 1, 'x'}},
	{"no filters", []byte{0x82, 2, 0, 1}},
	{"no filters, 5.0", []byte{0x82, 3, 0, 1, 0}},
	{"a property length beyond the packet", []byte{0x30, 5, 0, 1, 'a', 0x7F, 'x'}},
	{"a property length without end", []byte{0x30, 8, 0, 1, 'a', 0xFF, 0xFF, 0xFF, 0xFF, 'x'}},
	{"a property twice", []byte{0x30, 8, 0, 1, 'a', 4, 1, 0, 1, 0}},
	{"an unknown property", []byte{0x30, 6, 0, 1, 'a', 2, 0x7E, 0}},
	{"a server's property", []byte{0x30, 6, 0, 1, 'a', 2, 0x0B, 1}},
	{"a topic alias of 0", []byte{0x30, 7, 0, 1, 'a', 3, 0x23, 0, 0}},
	{"an alias that was never set", []byte{0x30, 6, 0, 0, 3, 0x23, 0, 9}},
	{"an alias above the maximum", []byte{0x30, 7, 0, 1, 'a', 3, 0x23, 0xFF, 0xFF}},
	{"a request of HTTP", []byte("GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: x\r\n\r\n")},
	{"a request of HTTP/2", []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")},
	{"a hello of TLS", []byte{0x16, 3, 1, 0, 0x2F, 1, 0, 0, 0x2B, 3, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0, 0}},
	{"a version of SSH", []byte("SSH-2.0-OpenSSH_9.6\r\n")},
	{"zeroes", make([]byte, 64)},
}

// mutants calls try with each packet that differs from p in one byte, has one more, or ends early.
func mutants(p []byte, try func(what string, wire []byte)) {
	head := 2
	for p[head-1] >= 0x80 {
		head++
	}
	for i, b := range p {
		for _, x := range []byte{b ^ 1, b ^ 0x80, b + 2, 0, 0xFF} {
			if x != b {
				m := append([]byte(nil), p...)
				m[i] = x
				try(fmt.Sprintf("byte %d is %02X", i, x), m)
			}
		}
		try(fmt.Sprintf("ends before byte %d", i), p[:i:i])
		for _, x := range []byte{0, 0x41, 0xFF} {
			more := append(append(append([]byte(nil), p[:i]...), x), p[i:]...)
			try(fmt.Sprintf("%02X before byte %d", x, i), more)
			if i >= head {
				try(fmt.Sprintf("%02X before byte %d, counted", x, i), recount(p[0], more[head:]))
			}
		}
		if i >= head {
			try(fmt.Sprintf("ends before byte %d, counted", i), recount(p[0], p[head:i]))
		}
	}
}

// recount puts a header before a body.
func recount(first byte, body []byte) []byte {
	return append(mqtt.AppendVarint([]byte{first}, len(body)), body...)
}
