package mqtt

import (
	"bytes"
	"testing"
)

var connackGolden = []golden{
	{"3.1", server31, &Connack{}, pack(0x20, 2, 0, 0)},
	{"3.1.1 session present", server311, &Connack{SessionPresent: true}, pack(0x20, 2, 1, 0)},
	{"3.1.1 refused", server311, &Connack{Reason: NotAuthorized}, pack(0x20, 2, 0, 5)},
	{"5.0", server5, &Connack{SessionPresent: true}, pack(0x20, 3, 1, 0, 0)},
	{"5.0 refused", server5, &Connack{Reason: ServerMoved,
		Props: with(Properties{ServerReference: []byte("b:1883"), ReasonString: []byte("go")}, PropServerReference, PropReasonString)},
		pack(0x20, 17, 0, 0x9D, 14, 0x1C, "b:1883", 0x1F, "go")},
	{"5.0 with everything else", server5, &Connack{Props: with(Properties{
		SessionExpiry: 1, AssignedClientID: []byte("i"), ServerKeepAlive: 2, AuthMethod: []byte("m"), AuthData: []byte{0},
		ResponseInfo: []byte("r"), ReceiveMaximum: 3, TopicAliasMaximum: 4, MaximumQoS: 1, RetainAvailable: 0,
		User: []UserProperty{{[]byte("n"), []byte("v")}}, MaximumPacketSize: 5, WildcardAvailable: 1,
		SubscriptionIDAvailable: 0, SharedAvailable: 1,
	}, PropSessionExpiry, PropAssignedClientID, PropServerKeepAlive, PropAuthMethod, PropAuthData, PropResponseInfo,
		PropReceiveMaximum, PropTopicAliasMaximum, PropMaximumQoS, PropRetainAvailable, PropMaximumPacketSize,
		PropWildcardAvailable, PropSubscriptionIDAvailable, PropSharedAvailable)},
		pack(0x20, 55, 0, 0, 52, 0x11, 0, 0, 0, 1, 0x12, "i", 0x13, 0, 2, 0x15, "m", 0x16, "\x00", 0x1A, "r",
			0x21, 0, 3, 0x22, 0, 4, 0x24, 1, 0x25, 0, 0x26, "n", "v", 0x27, 0, 0, 0, 5, 0x28, 1, 0x29, 0, 0x2A, 1)},
}

func TestConnackGolden(t *testing.T) { checkGolden(t, connackGolden) }

func TestConnackRefused(t *testing.T) {
	checkRefusals(t, CONNACK, []refusal{
		{"flags", server5, 1, pack(0, 0, 0), MalformedPacket, "MQTT-2.1.3-1"},
		{"empty", server5, 0, nil, MalformedPacket, "MQTT-4.13.1-1"},
		{"no code", server311, 0, pack(0), MalformedPacket, "MQTT-4.8.0-1"},
		{"no property length", server5, 0, pack(0, 0), MalformedPacket, "MQTT-2.2.2-1"},
		{"reserved bits", server5, 0, pack(2, 0, 0), MalformedPacket, "MQTT-3.2.2-1"},
		{"reserved bits", server311, 0, pack(0x81, 0), MalformedPacket, "MQTT-4.8.0-1"},
		{"code of 3.x", server5, 0, pack(0, 1, 0), ProtocolError, "MQTT-3.2.2-8"},
		{"reserved code", server311, 0, pack(0, 6), ProtocolError, "MQTT-4.8.0-1"},
		{"session present in a refusal", server5, 0, pack(1, 0x87, 0), ProtocolError, "MQTT-3.2.2-6"},
		{"session present in a refusal", server311, 0, pack(1, 5), ProtocolError, "MQTT-3.2.2-4"},
		{"maximum QoS 2", server5, 0, pack(0, 0, 2, 0x24, 2), ProtocolError, "MQTT-4.13.1-1"},
		{"receive maximum 0", server5, 0, pack(0, 0, 3, 0x21, 0, 0), ProtocolError, "MQTT-4.13.1-1"},
		{"a byte left over", server311, 0, pack(0, 0, 0), MalformedPacket, "MQTT-4.8.0-1"},
		{"a byte left over", server5, 0, pack(0, 0, 0, 0), MalformedPacket, "MQTT-4.13.1-1"},
	})
	checkTolerated(t, CONNACK, []tolerated{
		{"the reserved byte", server31, 15, pack(0xFF, 0), &Connack{}},
	})
}

// The return codes of 3.x and the way back.
func TestConnackReturnCodes(t *testing.T) {
	want := map[Reason]int{0x00: 0, 0x84: 1, 0x85: 2, 0x88: 3, 0x89: 3, 0x97: 3, 0x9F: 3, 0x86: 4, 0x87: 5, 0x8A: 5, 0x8C: 5}
	for r := range 256 {
		c := Connack{Reason: Reason(r)}
		got := c.AppendTo(nil, V311, 0)
		code, known := want[Reason(r)]
		if !known {
			if len(got) != 0 {
				t.Errorf("%v: got % X, want nothing", c.Reason, got) // [MQTT-3.2.2-6 of 3.1.1]
			}
			continue
		}
		if !bytes.Equal(got, pack(0x20, 2, 0, code)) {
			t.Errorf("%v: got % X, want return code %d", c.Reason, got, code)
		}
		back, err := decodeWhole(server311, got)
		if err != nil {
			t.Errorf("%v: % X is refused: %v", c.Reason, got, err)
		} else if again := back.AppendTo(nil, V311, 0); !bytes.Equal(got, again) {
			t.Errorf("%v: % X becomes % X", c.Reason, got, again)
		}
	}
}

func TestConnackNeverWritesSessionPresentInARefusal(t *testing.T) { // [MQTT-3.2.2-6]
	c := Connack{SessionPresent: true, Reason: NotAuthorized}
	if got, want := c.AppendTo(nil, V5, 0), pack(0x20, 3, 0, 0x87, 0); !bytes.Equal(got, want) {
		t.Errorf("got % X, want % X", got, want)
	}
	c.Reason = Success
	if got, want := c.AppendTo(nil, V31, 0), pack(0x20, 2, 0, 0); !bytes.Equal(got, want) {
		t.Errorf("3.1 has no such flag: got % X, want % X", got, want)
	}
}
