package mqtt

import (
	"bytes"
	"testing"
)

var subscribeGolden = []golden{
	{"3.1.1", client311, &Subscribe{ID: 10, Filters: []Subscription{{[]byte("a/+"), 1}, {[]byte("#"), 2}}},
		pack(0x82, 12, 0, 10, "a/+", 1, "#", 2)},
	{"5.0", client5, &Subscribe{ID: 10, Filters: []Subscription{{[]byte("a"), 0x2E}}},
		pack(0x82, 7, 0, 10, 0, "a", 0x2E)},
	{"5.0 with properties", client5, &Subscribe{ID: 0xFFFF,
		Props:   Properties{SubscriptionIDs: []uint32{300}, User: []UserProperty{{[]byte("n"), nil}}},
		Filters: []Subscription{{[]byte("$share/g/t"), 1}, {nil, 4}}},
		pack(0x82, 28, 0xFF, 0xFF, 9, 0x0B, 0xAC, 2, 0x26, "n", "", "$share/g/t", 1, "", 4)},
	{"UNSUBSCRIBE 3.1", client31, &Unsubscribe{ID: 1, Filters: [][]byte{[]byte("a"), []byte("b/c")}},
		pack(0xA2, 10, 0, 1, "a", "b/c")},
	{"UNSUBSCRIBE 5.0", client5, &Unsubscribe{ID: 1, Filters: [][]byte{[]byte("a")},
		Props: Properties{User: []UserProperty{{[]byte("n"), []byte("v")}}}},
		pack(0xA2, 13, 0, 1, 7, 0x26, "n", "v", "a")},
	{"SUBACK 3.1", server31, &Suback{ID: 10, Codes: []Reason{0, 1, 2}}, pack(0x90, 5, 0, 10, 0, 1, 2)},
	{"SUBACK 3.1.1", server311, &Suback{ID: 10, Codes: []Reason{0, UnspecifiedError, 2}}, pack(0x90, 5, 0, 10, 0, 0x80, 2)},
	{"SUBACK 5.0", server5, &Suback{ID: 10, Codes: []Reason{0, NotAuthorized}}, pack(0x90, 5, 0, 10, 0, 0, 0x87)},
	{"SUBACK 5.0 with properties", server5, &Suback{ID: 10, Codes: []Reason{TopicFilterInvalid},
		Props: with(Properties{ReasonString: []byte("x")}, PropReasonString)}, pack(0x90, 8, 0, 10, 4, 0x1F, "x", 0x8F)},
	{"UNSUBACK 3.1", server31, &Unsuback{ID: 7}, pack(0xB0, 2, 0, 7)},
	{"UNSUBACK 3.1.1", server311, &Unsuback{ID: 7}, pack(0xB0, 2, 0, 7)},
	{"UNSUBACK 5.0", server5, &Unsuback{ID: 7, Codes: []Reason{Success, NoSubscriptionExisted}}, pack(0xB0, 5, 0, 7, 0, 0, 0x11)},
}

func TestSubscribeGolden(t *testing.T) { checkGolden(t, subscribeGolden) }

func TestSubscribeRefused(t *testing.T) {
	checkRefusals(t, SUBSCRIBE, []refusal{
		{"flags", client5, 0, pack(0, 1, 0, "a", 0), MalformedPacket, "MQTT-3.8.1-1"},
		{"flags", client311, 0x0A, pack(0, 1, "a", 0), MalformedPacket, "MQTT-3.8.1-1"},
		{"no identifier", client5, 2, nil, MalformedPacket, "MQTT-4.13.1-1"},
		{"identifier 0", client5, 2, pack(0, 0, 0, "a", 0), ProtocolError, "MQTT-2.2.1-3"},
		{"identifier 0", client311, 2, pack(0, 0, "a", 0), ProtocolError, "MQTT-2.3.1-1"},
		{"identifier 0", client31, 2, pack(0, 0, "a", 0), ProtocolError, "MQTT-2.3.1-1"},
		{"no property length", client5, 2, pack(0, 1), MalformedPacket, "MQTT-2.2.2-1"},
		{"no filter", client5, 2, pack(0, 1, 0), ProtocolError, "MQTT-3.8.3-2"},
		{"no filter", client311, 2, pack(0, 1), ProtocolError, "MQTT-3.8.3-3"},
		{"no filter", client31, 2, pack(0, 1), ProtocolError, "MQTT-3.8.3-3"},
		{"filter past the end", client5, 2, pack(0, 1, 0, 0, 2, 'a'), MalformedPacket, "MQTT-4.13.1-1"},
		{"no options", client5, 2, pack(0, 1, 0, "a"), MalformedPacket, "MQTT-4.13.1-1"},
		{"no options for the second", client311, 2, pack(0, 1, "a", 0, "b"), MalformedPacket, "MQTT-4.8.0-1"},
		{"filter of FF", client5, 2, pack(0, 1, 0, "\xFF", 0), MalformedPacket, "MQTT-1.5.4-1"},
		{"filter of FF", client311, 2, pack(0, 1, "\xFF", 0), MalformedPacket, "MQTT-1.5.3-1"},
		{"filter with U+0000", client5, 2, pack(0, 1, 0, "a\x00b", 0), MalformedPacket, "MQTT-1.5.4-2"},
		{"reserved option bit 6", client5, 2, pack(0, 1, 0, "a", 0x40), MalformedPacket, "MQTT-3.8.3-5"},
		{"reserved option bit 7", client5, 2, pack(0, 1, 0, "a", 0x80), MalformedPacket, "MQTT-3.8.3-5"},
		{"QoS 3", client5, 2, pack(0, 1, 0, "a", 3), ProtocolError, "MQTT-4.13.1-1"},
		{"retain handling 3", client5, 2, pack(0, 1, 0, "a", 0x30), ProtocolError, "MQTT-4.13.1-1"},
		{"no local on a shared subscription", client5, 2, pack(0, 1, 0, "$share/g/t", 4), ProtocolError, "MQTT-3.8.3-4"},
		{"QoS 3", client311, 2, pack(0, 1, "a", 3), MalformedPacket, "MQTT-3.8.3-4"},
		{"an upper bit", client311, 2, pack(0, 1, "a", 4), MalformedPacket, "MQTT-3.8.3-4"},
		{"the uppermost bit", client311, 2, pack(0, 1, "a", 0x80), MalformedPacket, "MQTT-3.8.3-4"},
		{"QoS 3", client31, 2, pack(0, 1, "a", 3), MalformedPacket, "MQTT-3.8.3-4"},
		{"subscription identifier 0", client5, 2, pack(0, 1, 2, 0x0B, 0, "a", 0), ProtocolError, "MQTT-4.13.1-1"},
		{"subscription identifier twice", client5, 2, pack(0, 1, 4, 0x0B, 1, 0x0B, 1, "a", 0), ProtocolError, "MQTT-4.13.1-1"},
		{"foreign property", client5, 2, pack(0, 1, 4, 0x1F, "x", "a", 0), MalformedPacket, "MQTT-4.13.1-1"},
	})
	checkRefusals(t, UNSUBSCRIBE, []refusal{
		{"flags", client5, 0, pack(0, 1, 0, "a"), MalformedPacket, "MQTT-3.10.1-1"},
		{"flags", client311, 0, pack(0, 1, "a"), MalformedPacket, "MQTT-3.10.1-1"},
		{"identifier 0", client5, 2, pack(0, 0, 0, "a"), ProtocolError, "MQTT-2.2.1-3"},
		{"identifier 0", client311, 2, pack(0, 0, "a"), ProtocolError, "MQTT-2.3.1-1"},
		{"no property length", client5, 2, pack(0, 1), MalformedPacket, "MQTT-2.2.2-1"},
		{"no filter", client5, 2, pack(0, 1, 0), ProtocolError, "MQTT-3.10.3-2"},
		{"no filter", client311, 2, pack(0, 1), ProtocolError, "MQTT-3.10.3-2"},
		{"filter past the end", client311, 2, pack(0, 1, "a", 0, 1), MalformedPacket, "MQTT-4.8.0-1"},
		{"half a length", client5, 2, pack(0, 1, 0, "a", 0), MalformedPacket, "MQTT-4.13.1-1"},
		{"filter of FF", client5, 2, pack(0, 1, 0, "\xFF"), MalformedPacket, "MQTT-1.5.4-1"},
		{"subscription identifier", client5, 2, pack(0, 1, 2, 0x0B, 1, "a"), MalformedPacket, "MQTT-4.13.1-1"},
	})
}

func TestSubackRefused(t *testing.T) {
	checkRefusals(t, SUBACK, []refusal{
		{"flags", server5, 2, pack(0, 1, 0, 0), MalformedPacket, "MQTT-2.1.3-1"},
		{"identifier 0", server5, 0, pack(0, 0, 0, 0), ProtocolError, "MQTT-2.2.1-6"},
		{"identifier 0", server311, 0, pack(0, 0, 0), ProtocolError, "MQTT-2.3.1-7"},
		{"no code", server5, 0, pack(0, 1, 0), MalformedPacket, "MQTT-3.8.4-6"},
		{"no code", server311, 0, pack(0, 1), MalformedPacket, "MQTT-3.8.4-5"},
		{"foreign code", server5, 0, pack(0, 1, 0, 0x10), ProtocolError, "MQTT-3.9.3-2"},
		{"foreign code behind a good one", server5, 0, pack(0, 1, 0, 0, 3), ProtocolError, "MQTT-3.9.3-2"},
		{"code of 5.0", server311, 0, pack(0, 1, 0x87), ProtocolError, "MQTT-3.9.3-2"},
		{"property length past the end", server5, 0, pack(0, 1, 9, 0), MalformedPacket, "MQTT-4.13.1-1"},
	})
	checkRefusals(t, UNSUBACK, []refusal{
		{"flags", server311, 2, pack(0, 1), MalformedPacket, "MQTT-2.2.2-2"},
		{"identifier 0", server5, 0, pack(0, 0, 0, 0), ProtocolError, "MQTT-2.2.1-6"},
		{"no code", server5, 0, pack(0, 1, 0), MalformedPacket, "MQTT-3.11.3-1"},
		{"foreign code", server5, 0, pack(0, 1, 0, 1), ProtocolError, "MQTT-3.11.3-2"},
		{"a code", server311, 0, pack(0, 1, 0), MalformedPacket, "MQTT-4.8.0-1"},
	})
}

func TestSubscribeTolerated(t *testing.T) {
	checkTolerated(t, SUBSCRIBE, []tolerated{
		{"flags with DUP", client31, 0x0A, pack(0, 1, "a", 1), &Subscribe{ID: 1, Filters: []Subscription{{[]byte("a"), 1}}}},
		{"upper option bits", client31, 2, pack(0, 1, "a", 0xFD), &Subscribe{ID: 1, Filters: []Subscription{{[]byte("a"), 1}}}},
		{"loose UTF-8", client31, 2, pack(0, 1, "\xFF", 1), &Subscribe{ID: 1, Filters: []Subscription{{[]byte("\xFF"), 1}}}},
		{"$share with a higher bit as in 3.x", client311, 2, pack(0, 1, "$share/g/t", 2),
			&Subscribe{ID: 1, Filters: []Subscription{{[]byte("$share/g/t"), 2}}}},
	})
	checkTolerated(t, UNSUBSCRIBE, []tolerated{
		{"flags", client31, 0, pack(0, 1, "\xFF"), &Unsubscribe{ID: 1, Filters: [][]byte{[]byte("\xFF")}}},
	})
	checkTolerated(t, SUBACK, []tolerated{
		{"a failure, which 3.1 does not have", server31, 0, pack(0, 1, 0x80), &Suback{ID: 1, Codes: []Reason{UnspecifiedError}}},
	})
}

func TestSubackCodesOfOlderVersions(t *testing.T) {
	s := Suback{ID: 1, Codes: []Reason{GrantedQoS2, NotAuthorized, TopicFilterInvalid}}
	if got, want := s.AppendTo(nil, V311, 0), pack(0x90, 5, 0, 1, 2, 0x80, 0x80); !bytes.Equal(got, want) {
		t.Errorf("3.1.1: got % X, want % X", got, want) // [MQTT-3.9.3-2 of 3.1.1]
	}
	if got, want := s.AppendTo(nil, V31, 0), pack(0x90, 5, 0, 1, 2, 0, 0); !bytes.Equal(got, want) {
		t.Errorf("3.1: got % X, want % X", got, want)
	}
}

func TestSubscriptionOptions(t *testing.T) {
	for options := range 0x30 {
		s := Subscription{Options: byte(options)}
		if int(s.QoS()) != options&3 || s.NoLocal() != (options&4 != 0) ||
			s.RetainAsPublished() != (options&8 != 0) || int(s.RetainHandling()) != options>>4 {
			t.Errorf("options %#x: got QoS %d, No Local %v, Retain As Published %v, Retain Handling %d",
				options, s.QoS(), s.NoLocal(), s.RetainAsPublished(), s.RetainHandling())
		}
	}
	s := Subscribe{ID: 1, Filters: []Subscription{{[]byte("a"), 0x2D}}}
	if got, want := s.AppendTo(nil, V311, 0), pack(0x82, 6, 0, 1, "a", 1); !bytes.Equal(got, want) {
		t.Errorf("3.1.1 writes the QoS only: got % X, want % X", got, want)
	}
}
