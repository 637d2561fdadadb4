package mqtt

import (
	"bytes"
	"testing"
)

var publishGolden = []golden{
	{"3.1 QoS 0", client31, &anyPublish{Publish{Topic: []byte("a/b"), Payload: []byte("hi")}},
		pack(0x30, 7, "a/b", []byte("hi"))},
	{"3.1.1 QoS 0 retained, empty payload", client311, &anyPublish{Publish{Retain: true, Topic: []byte("a")}},
		pack(0x31, 3, "a")},
	{"3.1.1 QoS 1 repeated", client311, &anyPublish{Publish{Dup: true, QoS: 1, Topic: []byte("a"), ID: 0x1234, Payload: []byte{0}}},
		pack(0x3A, 6, "a", 0x12, 0x34, 0)},
	{"5.0 QoS 0", client5, &anyPublish{Publish{Topic: []byte("a"), Payload: []byte("x")}},
		pack(0x30, 5, "a", 0, []byte("x"))},
	{"5.0 QoS 2 from a client with all properties", client5, &anyPublish{Publish{
		QoS: 2, Topic: []byte("a"), ID: 9,
		Props: with(Properties{
			PayloadFormat: 1, MessageExpiry: 0x01020304, ContentType: []byte("t"), ResponseTopic: []byte("r/1"),
			CorrelationData: []byte{0, 1}, TopicAlias: 7,
			User: []UserProperty{{[]byte("b"), []byte("1")}, {[]byte("a"), []byte("2")}, {[]byte("b"), nil}},
		}, PropPayloadFormat, PropMessageExpiry, PropContentType, PropResponseTopic, PropCorrelationData, PropTopicAlias),
		Payload: []byte("hi"),
	}}, pack(0x34, 53, "a", 0, 9, 45, 0x01, 1, 0x02, 1, 2, 3, 4, 0x03, "t", 0x08, "r/1", 0x09, "\x00\x01", 0x23, 0, 7,
		0x26, "b", "1", 0x26, "a", "2", 0x26, "b", "", []byte("hi"))},
	{"5.0 from a server with alias and subscription identifiers", server5, &anyPublish{Publish{
		Props: with(Properties{TopicAlias: 1, SubscriptionIDs: []uint32{1, 128, 268435455, 1}}, PropTopicAlias),
	}}, pack(0x30, 18, "", 15, 0x0B, 1, 0x0B, 0x80, 1, 0x0B, 0xFF, 0xFF, 0xFF, 0x7F, 0x0B, 1, 0x23, 0, 1)},
}

func TestPublishGolden(t *testing.T) { checkGolden(t, publishGolden) }

func TestPublishRefused(t *testing.T) {
	checkRefusals(t, PUBLISH, []refusal{
		{"QoS 3", client5, 6, pack("a", 0, 1, 0), MalformedPacket, "MQTT-3.3.1-4"},
		{"QoS 3", client311, 6, pack("a", 0, 1), MalformedPacket, "MQTT-3.3.1-4"},
		{"QoS 3", client31, 6, pack("a", 0, 1), MalformedPacket, "MQTT-3.3.1-4"},
		{"DUP at QoS 0", client5, 8, pack("a", 0), MalformedPacket, "MQTT-3.3.1-2"},
		{"DUP at QoS 0", client311, 9, pack("a"), MalformedPacket, "MQTT-3.3.1-2"},
		{"empty body", client5, 0, nil, MalformedPacket, "MQTT-3.3.2-1"},
		{"half a topic length", client311, 0, pack(0), MalformedPacket, "MQTT-3.3.2-1"},
		{"topic past the end", client311, 0, pack(0, 2, 'a'), MalformedPacket, "MQTT-3.3.2-1"},
		{"no packet identifier", client311, 2, pack("a"), MalformedPacket, "MQTT-4.8.0-1"},
		{"half a packet identifier", client5, 2, pack("a", 0), MalformedPacket, "MQTT-4.13.1-1"},
		{"packet identifier 0", client5, 2, pack("a", 0, 0, 0), ProtocolError, "MQTT-2.2.1-3"},
		{"packet identifier 0 from a server", server5, 4, pack("a", 0, 0, 0), ProtocolError, "MQTT-2.2.1-4"},
		{"packet identifier 0", client311, 2, pack("a", 0, 0), ProtocolError, "MQTT-2.3.1-1"},
		{"packet identifier 0", client31, 2, pack("a", 0, 0), ProtocolError, "MQTT-2.3.1-1"},
		{"topic with +", client5, 0, pack("a/+", 0), TopicNameInvalid, "MQTT-3.3.2-2"},
		{"long topic with # in front", client5, 0, pack("#/aaaaaaaaaaaaaaaaaaaaaaa", 0), TopicNameInvalid, "MQTT-3.3.2-2"},
		{"topic with #", client311, 0, pack("#"), TopicNameInvalid, "MQTT-3.3.2-2"},
		{"topic with # behind a letter beyond ASCII", client311, 0, pack("é#"), TopicNameInvalid, "MQTT-3.3.2-2"},
		{"topic with U+0000", client5, 0, pack("a\x00b", 0), MalformedPacket, "MQTT-1.5.4-2"},
		{"topic with U+0000", client311, 0, pack("a\x00b"), MalformedPacket, "MQTT-1.5.3-2"},
		{"topic with a surrogate", client5, 0, pack("\xED\xA0\x80", 0), MalformedPacket, "MQTT-1.5.4-1"},
		{"topic in overlong form", client5, 0, pack("\xC0\xAF", 0), MalformedPacket, "MQTT-1.5.4-1"},
		{"topic with FF", client311, 0, pack("\xFF"), MalformedPacket, "MQTT-1.5.3-1"},
		{"topic beyond U+10FFFF", client311, 0, pack("\xF4\x90\x80\x80"), MalformedPacket, "MQTT-1.5.3-1"},
		{"topic with FF, which subscribers would have to refuse", client31, 0, pack("\xFF"), MalformedPacket, "MQTT-1.5.3-1"},
		{"empty topic", client311, 0, pack(""), ProtocolError, "MQTT-4.7.3-1"},
		{"empty topic", client31, 0, pack(""), ProtocolError, "MQTT-4.7.3-1"},
		{"empty topic without alias", client5, 0, pack("", 0), ProtocolError, "MQTT-4.7.3-1"},
		{"empty topic with another property", client5, 0, pack("", 2, 0x01, 0), ProtocolError, "MQTT-4.7.3-1"},
		{"alias 0", client5, 0, pack("a", 3, 0x23, 0, 0), TopicAliasInvalid, "MQTT-3.3.2-8"},
		{"alias twice", client5, 0, pack("a", 6, 0x23, 0, 1, 0x23, 0, 1), ProtocolError, "MQTT-4.13.1-1"},
		{"no property length", client5, 0, pack("a"), MalformedPacket, "MQTT-2.2.2-1"},
		{"no property length", server5, 2, pack("a", 0, 1), MalformedPacket, "MQTT-2.2.2-1"},
		{"half a property length", client5, 0, pack("a", 0x80), MalformedPacket, "MQTT-4.13.1-1"},
		{"property length past the end", client5, 0, pack("a", 3, 0x01, 0), MalformedPacket, "MQTT-4.13.1-1"},
		{"property length in two bytes for one", client5, 0, pack("a", 0x80, 0), MalformedPacket, "MQTT-1.5.5-1"},
		{"property length of five bytes", client5, 0, pack("a", 0x80, 0x80, 0x80, 0x80, 1), MalformedPacket, "MQTT-1.5.5-1"},
		{"subscription identifier from a client", client5, 0, pack("a", 2, 0x0B, 1), ProtocolError, "MQTT-3.3.4-6"},
		{"subscription identifier 0 from a server", server5, 0, pack("a", 2, 0x0B, 0), ProtocolError, "MQTT-4.13.1-1"},
		{"subscription identifier cut off", server5, 0, pack("a", 2, 0x0B, 0x80), MalformedPacket, "MQTT-4.13.1-1"},
		{"subscription identifier in two bytes for one", server5, 0, pack("a", 3, 0x0B, 0x81, 0), MalformedPacket, "MQTT-1.5.5-1"},
		{"subscription identifier of five bytes", server5, 0, pack("a", 6, 0x0B, 0xFF, 0xFF, 0xFF, 0xFF, 1), MalformedPacket, "MQTT-1.5.5-1"},
		{"response topic with a wildcard", client5, 0, pack("a", 6, 0x08, "a/#"), ProtocolError, "MQTT-3.3.2-14"},
		{"response topic of nothing", client5, 0, pack("a", 3, 0x08, ""), ProtocolError, "MQTT-4.7.3-1"},
		{"response topic with FF", client5, 0, pack("a", 4, 0x08, "\xFF"), MalformedPacket, "MQTT-1.5.4-1"},
		{"content type with FF", client5, 0, pack("a", 4, 0x03, "\xFF"), MalformedPacket, "MQTT-1.5.4-1"},
		{"content type with U+0000", client5, 0, pack("a", 4, 0x03, "\x00"), MalformedPacket, "MQTT-1.5.4-2"},
		{"user property name with FF", client5, 0, pack("a", 7, 0x26, "\xFF", "v"), MalformedPacket, "MQTT-1.5.7-1"},
		{"user property value with FF", client5, 0, pack("a", 7, 0x26, "n", "\xFF"), MalformedPacket, "MQTT-1.5.7-1"},
		{"user property with U+0000", client5, 0, pack("a", 7, 0x26, "n", "\x00"), MalformedPacket, "MQTT-1.5.4-2"},
		{"user property without value", client5, 0, pack("a", 4, 0x26, "n"), MalformedPacket, "MQTT-4.13.1-1"},
		{"user property without name", client5, 0, pack("a", 2, 0x26, 0), MalformedPacket, "MQTT-4.13.1-1"},
		{"payload format 2", client5, 0, pack("a", 2, 0x01, 2), ProtocolError, "MQTT-4.13.1-1"},
		{"payload format twice", client5, 0, pack("a", 4, 0x01, 0, 0x01, 0), ProtocolError, "MQTT-4.13.1-1"},
		{"will delay interval", client5, 0, pack("a", 5, 0x18, 0, 0, 0, 1), MalformedPacket, "MQTT-4.13.1-1"},
		{"property value past the block, not past the packet", client5, 0, pack("a", 2, 0x02, 0, 0, 0, 1), MalformedPacket, "MQTT-4.13.1-1"},
	})
}

func TestPublishTolerated(t *testing.T) {
	odd := "\x01\x1F\x7F\u0080\u009F\uFDD0\uFFFE\uFFFF\U0010FFFF"
	checkTolerated(t, PUBLISH, []tolerated{
		{"DUP at QoS 0", client31, 8, pack("a"), &anyPublish{Publish{Topic: []byte("a")}}},
		{"control and non-characters", client311, 0, pack(odd), &anyPublish{Publish{Topic: []byte(odd)}}},
		{"control and non-characters", client5, 0, pack(odd, 0), &anyPublish{Publish{Topic: []byte(odd)}}},
		{"U+FEFF is kept", client5, 0, pack("\uFEFFa", 0), &anyPublish{Publish{Topic: []byte("\uFEFFa")}}},
		{"topic beyond the limit of 3.1", client31, 0, pack(string(bytes.Repeat([]byte("x"), 40000))),
			&anyPublish{Publish{Topic: bytes.Repeat([]byte("x"), 40000)}}},
	})
}

// A value that is decoded into again and again holds the last packet only.
func TestPublishReuse(t *testing.T) {
	var p anyPublish
	for _, g := range append(publishGolden, publishGolden[0]) {
		h, body, err := cut(g.wire)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Decode(g.from, h.Flags, body); err != nil || !same(&p, g.p) {
			t.Errorf("%s: Decode(% X)\n got %+v, %v\nwant %+v", g.name, g.wire, &p, err, g.p)
		}
	}
}

func TestPublishSize(t *testing.T) {
	for _, g := range publishGolden {
		if got, want := g.p.(*anyPublish).Size(g.from.Version), len(g.wire); got != want {
			t.Errorf("%s: Size got %d, want %d", g.name, got, want)
		}
	}
}

func TestPublishNeverWritesDupAtQoS0(t *testing.T) { // [MQTT-3.3.1-2]
	p := Publish{Dup: true, Topic: []byte("a")}
	if got, want := p.AppendTo(nil, V311), pack(0x30, 3, "a"); !bytes.Equal(got, want) {
		t.Errorf("got % X, want % X", got, want)
	}
}
