package mqtt

import (
	"errors"
	"testing"
)

var connectGolden = []golden{
	{"3.1", client31, &anyConnect{Connect{Version: V31, CleanStart: true, KeepAlive: 60, ClientID: []byte("id")}},
		pack(0x10, 16, "MQIsdp", 3, 2, 0, 60, "id")},
	{"3.1.1 with everything", client311, &anyConnect{Connect{
		Version: V311, CleanStart: true, KeepAlive: 0x0102, ClientID: []byte("id"),
		HasWill: true, Will: Will{Topic: []byte("w"), Payload: []byte{0, 1}, QoS: 1, Retain: true},
		HasUsername: true, Username: []byte("u"), HasPassword: true, Password: []byte{0xFF},
	}}, pack(0x10, 27, "MQTT", 4, 0xEE, 1, 2, "id", "w", "\x00\x01", "u", "\xFF")},
	{"3.1.1 empty identifier", client311, &anyConnect{Connect{Version: V311, CleanStart: true}},
		pack(0x10, 12, "MQTT", 4, 2, 0, 0, "")},
	{"5.0", client5, &anyConnect{Connect{Version: V5, ClientID: []byte("id")}},
		pack(0x10, 15, "MQTT", 5, 0, 0, 0, 0, "id")},
	{"5.0 password alone", client5, &anyConnect{Connect{Version: V5, HasPassword: true, Password: []byte("p")}},
		pack(0x10, 16, "MQTT", 5, 0x40, 0, 0, 0, "", "p")},
	{"5.0 with everything", client5, &anyConnect{Connect{
		Version: V5, KeepAlive: 10, ClientID: []byte("id"),
		Props: with(Properties{SessionExpiry: 0xFFFFFFFF, AuthMethod: []byte("M"), AuthData: []byte{0},
			RequestProblem: 1, RequestResponse: 1, ReceiveMaximum: 20, TopicAliasMaximum: 0, MaximumPacketSize: 100,
			User: []UserProperty{{[]byte("n"), []byte("v")}}},
			PropSessionExpiry, PropAuthMethod, PropAuthData, PropRequestProblem, PropRequestResponse, PropReceiveMaximum,
			PropTopicAliasMaximum, PropMaximumPacketSize),
		HasWill: true,
		Will: Will{Topic: []byte("w"), Payload: []byte("gone"), QoS: 2,
			Props: with(Properties{PayloadFormat: 1, MessageExpiry: 1, ContentType: []byte("t"), ResponseTopic: []byte("r"),
				CorrelationData: []byte("c"), WillDelay: 5, User: []UserProperty{{[]byte("a"), []byte("b")}}},
				PropPayloadFormat, PropMessageExpiry, PropContentType, PropResponseTopic, PropCorrelationData, PropWillDelay)},
		HasUsername: true, Username: []byte("u"),
	}}, pack(0x10, 94, "MQTT", 5, 0x94, 0, 10,
		35, 0x11, 0xFF, 0xFF, 0xFF, 0xFF, 0x15, "M", 0x16, "\x00", 0x17, 1, 0x19, 1, 0x21, 0, 20, 0x22, 0, 0,
		0x26, "n", "v", 0x27, 0, 0, 0, 100, "id",
		31, 0x01, 1, 0x02, 0, 0, 0, 1, 0x03, "t", 0x08, "r", 0x09, "c", 0x18, 0, 0, 0, 5, 0x26, "a", "b",
		"w", "gone", "u")},
}

func TestConnectGolden(t *testing.T) { checkGolden(t, connectGolden) }

func TestConnectRefused(t *testing.T) {
	const format = "MQTT-3.1.4-1"
	v5 := func(flags int, parts ...any) []byte { return pack("MQTT", 5, flags, 0, 0, pack(parts...)) }
	v311 := func(flags int, parts ...any) []byte { return pack("MQTT", 4, flags, 0, 0, pack(parts...)) }
	v31 := func(flags int, parts ...any) []byte { return pack("MQIsdp", 3, flags, 0, 0, pack(parts...)) }
	checkRefusals(t, CONNECT, []refusal{
		{"empty body", client5, 0, nil, MalformedPacket, format},
		{"name past the end", client5, 0, pack(0, 5, []byte("MQTT")), MalformedPacket, format},
		{"no level", client5, 0, pack("MQTT"), MalformedPacket, format},
		{"unknown name", client5, 0, pack("MQTX", 5, 2, 0, 0, 0, "id"), UnsupportedProtocolVersion, "MQTT-3.1.2-1"},
		{"empty name", client5, 0, pack("", 5, 2, 0, 0, 0, "id"), UnsupportedProtocolVersion, "MQTT-3.1.2-1"},
		{"name in lower case", client5, 0, pack("mqtt", 5, 2, 0, 0, 0, "id"), UnsupportedProtocolVersion, "MQTT-3.1.2-1"},
		{"MQTT level 3", client311, 0, pack("MQTT", 3, 2, 0, 0, "id"), UnsupportedProtocolVersion, "MQTT-3.1.2-2"},
		{"MQTT level 6", client5, 0, pack("MQTT", 6, 2, 0, 0, 0, "id"), UnsupportedProtocolVersion, "MQTT-3.1.2-2"},
		{"MQTT level of a bridge", client311, 0, pack("MQTT", 0x84, 2, 0, 0, "id"), UnsupportedProtocolVersion, "MQTT-3.1.2-2"},
		{"MQIsdp level 4", client31, 0, pack("MQIsdp", 4, 2, 0, 0, "id"), UnsupportedProtocolVersion, "MQTT-3.1.2-2"},
		{"header flags", client5, 1, v5(2, 0, "id"), MalformedPacket, "MQTT-2.1.3-1"},
		{"header flags", client311, 8, v311(2, "id"), MalformedPacket, "MQTT-2.2.2-2"},
		{"nothing behind the level", client5, 0, pack("MQTT", 5), MalformedPacket, format},
		{"nothing behind the flags", client5, 0, pack("MQTT", 5, 2), MalformedPacket, format},
		{"half a keep alive", client311, 0, pack("MQTT", 4, 2, 0), MalformedPacket, format},
		{"reserved flag", client5, 0, v5(3, 0, "id"), MalformedPacket, "MQTT-3.1.2-3"},
		{"reserved flag", client311, 0, v311(3, "id"), MalformedPacket, "MQTT-3.1.2-3"},
		{"will QoS without will", client5, 0, v5(0x0A, 0, "id"), MalformedPacket, "MQTT-3.1.2-11"},
		{"will QoS without will", client311, 0, v311(0x0A, "id"), MalformedPacket, "MQTT-3.1.2-13"},
		{"will retain without will", client5, 0, v5(0x22, 0, "id"), MalformedPacket, "MQTT-3.1.2-13"},
		{"will retain without will", client311, 0, v311(0x22, "id"), MalformedPacket, "MQTT-3.1.2-15"},
		{"will QoS 3", client5, 0, v5(0x1E, 0, "id", 0, "w", "m"), MalformedPacket, "MQTT-3.1.2-12"},
		{"will QoS 3", client311, 0, v311(0x1E, "id", "w", "m"), MalformedPacket, "MQTT-3.1.2-14"},
		{"will QoS 3", client31, 0, v31(0x1E, "id", "w", "m"), MalformedPacket, "MQTT-3.1.2-14"},
		{"password without user name", client311, 0, v311(0x42, "id", "p"), MalformedPacket, "MQTT-3.1.2-22"},
		{"password without user name", client31, 0, v31(0x42, "id", "p"), MalformedPacket, "MQTT-3.1.2-22"},
		{"no property length", client5, 0, v5(2), MalformedPacket, "MQTT-2.2.2-1"},
		{"property length past the end", client5, 0, v5(2, 10, "id"), MalformedPacket, format},
		{"property length in two bytes for one", client5, 0, v5(2, 0x80, 0, "id"), MalformedPacket, "MQTT-1.5.5-1"},
		{"property of another packet", client5, 0, v5(2, 2, 0x24, 1, "id"), MalformedPacket, format},
		{"unknown property", client5, 0, v5(2, 2, 0x7E, 1, "id"), MalformedPacket, format},
		{"property twice", client5, 0, v5(2, 6, 0x21, 0, 1, 0x21, 0, 1, "id"), ProtocolError, format},
		{"receive maximum 0", client5, 0, v5(2, 3, 0x21, 0, 0, "id"), ProtocolError, format},
		{"maximum packet size 0", client5, 0, v5(2, 5, 0x27, 0, 0, 0, 0, "id"), ProtocolError, format},
		{"request problem information 2", client5, 0, v5(2, 2, 0x17, 2, "id"), ProtocolError, format},
		{"authentication data without method", client5, 0, v5(2, 4, 0x16, "d", "id"), ProtocolError, format},
		{"no client identifier", client5, 0, v5(2, 0), MalformedPacket, "MQTT-3.1.3-3"},
		{"no client identifier", client311, 0, v311(2), MalformedPacket, "MQTT-3.1.3-3"},
		{"client identifier past the end", client311, 0, v311(2, 0, 3, 'i'), MalformedPacket, format},
		{"client identifier of FF FE", client5, 0, v5(2, 0, "\xFF\xFE"), MalformedPacket, "MQTT-1.5.4-1"},
		{"client identifier of FF FE", client311, 0, v311(2, "\xFF\xFE"), MalformedPacket, "MQTT-1.5.3-1"},
		{"client identifier with U+0000", client311, 0, v311(2, "a\x00"), MalformedPacket, "MQTT-1.5.3-2"},
		{"no will", client5, 0, v5(6, 0, "id"), MalformedPacket, "MQTT-3.1.2-9"},
		{"no will", client311, 0, v311(6, "id"), MalformedPacket, "MQTT-3.1.2-9"},
		{"no will", client31, 0, v31(6, "id"), MalformedPacket, "MQTT-3.1.2-9"},
		{"no will payload", client311, 0, v311(6, "id", "w"), MalformedPacket, "MQTT-3.1.2-9"},
		{"will topic with a wildcard", client5, 0, v5(6, 0, "id", 0, "w/#", "m"), TopicNameInvalid, "MQTT-4.7.0-1"},
		{"will topic with a wildcard", client311, 0, v311(6, "id", "+", "m"), TopicNameInvalid, "MQTT-4.7.1-1"},
		{"will topic with a wildcard", client31, 0, v31(6, "id", "+", "m"), TopicNameInvalid, "MQTT-4.7.1-1"},
		{"will topic of nothing", client5, 0, v5(6, 0, "id", 0, "", "m"), TopicNameInvalid, "MQTT-4.7.3-1"},
		{"will topic of C0 80", client5, 0, v5(6, 0, "id", 0, "\xC0\x80", "m"), MalformedPacket, "MQTT-1.5.4-1"},
		{"will topic of C0 80", client311, 0, v311(6, "id", "\xC0\x80", "m"), MalformedPacket, "MQTT-1.5.3-1"},
		{"will property of another packet", client5, 0, v5(6, 0, "id", 3, 0x23, 0, 1, "w", "m"), MalformedPacket, format},
		{"will delay twice", client5, 0, v5(6, 0, "id", 10, 0x18, 0, 0, 0, 1, 0x18, 0, 0, 0, 1, "w", "m"), ProtocolError, format},
		{"will response topic with a wildcard", client5, 0, v5(6, 0, "id", 4, 0x08, "+", "w", "m"), ProtocolError, "MQTT-3.3.2-14"},
		{"no user name", client5, 0, v5(0x82, 0, "id"), MalformedPacket, "MQTT-3.1.2-17"},
		{"no user name", client311, 0, v311(0x82, "id"), MalformedPacket, "MQTT-3.1.2-19"},
		{"user name of FF", client5, 0, v5(0x82, 0, "id", "\xFF"), MalformedPacket, "MQTT-1.5.4-1"},
		{"user name of FF", client311, 0, v311(0x82, "id", "\xFF"), MalformedPacket, "MQTT-1.5.3-1"},
		{"no password", client5, 0, v5(0xC2, 0, "id", "u"), MalformedPacket, "MQTT-3.1.2-19"},
		{"no password", client311, 0, v311(0xC2, "id", "u"), MalformedPacket, "MQTT-3.1.2-21"},
		{"user name without its flag", client5, 0, v5(2, 0, "id", "u"), MalformedPacket, format},
		{"user name without its flag", client311, 0, v311(2, "id", "u"), MalformedPacket, format},
		{"password without its flag", client311, 0, v311(0x82, "id", "u", "p"), MalformedPacket, format},
		{"a byte left over", client31, 0, v31(2, "id", 0), MalformedPacket, format},
	})
}

func TestConnectTolerated(t *testing.T) {
	head := func(flags int) []byte { return pack("MQIsdp", 3, flags, 0, 0, "id") }
	v31 := Connect{Version: V31, CleanStart: true, ClientID: []byte("id")}
	withUser := v31
	withUser.HasUsername, withUser.Username = true, []byte("u")
	odd := v31
	odd.ClientID = []byte("\xFF\x00")
	checkTolerated(t, CONNECT, []tolerated{
		{"header flags", client31, 15, head(2), &anyConnect{v31}},
		{"reserved flag", client31, 0, head(3), &anyConnect{v31}},
		{"will QoS and retain without will", client31, 0, head(0x3A), &anyConnect{v31}},
		{"user name and password promised, missing", client31, 0, head(0xC2), &anyConnect{v31}},
		{"password promised, missing", client31, 0, pack(head(0xC2), "u"), &anyConnect{withUser}},
		{"loose UTF-8", client31, 0, pack("MQIsdp", 3, 2, 0, 0, "\xFF\x00"), &anyConnect{odd}},
	})
}

// The version left behind by an error is the form of the CONNACK to answer with.
func TestConnectVersionOnError(t *testing.T) {
	for _, c := range []struct {
		name string
		body []byte
		want Version
	}{
		{"no level", pack("MQTT"), 0},
		{"unknown name", pack("MQTX", 4, 2, 0, 0, "id"), 0},
		{"MQTT level 2", pack("MQTT", 2), V311},
		{"MQTT level 3", pack("MQTT", 3), V311},
		{"MQTT level 6", pack("MQTT", 6), V5},
		{"MQTT level 9", pack("MQTT", 9), V5},
		{"MQTT level 4 of a bridge", pack("MQTT", 0x84), V311},
		{"MQIsdp level 4", pack("MQIsdp", 4), V311},
		{"MQIsdp level 5", pack("MQIsdp", 5), V5},
		{"MQIsdp level 3 of a bridge", pack("MQIsdp", 0x83), V311},
		{"malformed 3.1", pack("MQIsdp", 3), V31},
		{"malformed 3.1.1", pack("MQTT", 4), V311},
		{"malformed 5.0", pack("MQTT", 5), V5},
	} {
		got := Connect{Version: V311, ClientID: []byte("old")}
		if err := got.Decode(0, c.body); err == nil || got.Version != c.want || got.ClientID != nil {
			t.Errorf("%s: got version %d, id %q, error %v; want version %d; input % X",
				c.name, got.Version, got.ClientID, err, c.want, c.body)
		}
	}
}

func TestErrorTellsReasonRuleAndDetail(t *testing.T) {
	err := new(Connect).Decode(0, pack("MQTX", 5))
	want := "Unsupported Protocol Version [MQTT-3.1.2-1]: unknown protocol name"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if !errors.Is(err, UnsupportedProtocolVersion) || errors.Is(err, MalformedPacket) {
		t.Errorf("errors.Is does not match the reason of %v alone", err)
	}
}
