package mqtt

import "testing"

var disconnectGolden = []golden{
	{"3.1", client31, &Disconnect{}, pack(0xE0, 0)},
	{"3.1.1", client311, &Disconnect{}, pack(0xE0, 0)},
	{"5.0", client5, &Disconnect{}, pack(0xE0, 0)},
	{"5.0 with a code", client5, &Disconnect{Reason: DisconnectWithWillMessage}, pack(0xE0, 1, 4)},
	{"5.0 with session expiry", client5, &Disconnect{Props: with(Properties{SessionExpiry: 9}, PropSessionExpiry)},
		pack(0xE0, 7, 0, 5, 0x11, 0, 0, 0, 9)},
	{"5.0 from a server", server5, &Disconnect{Reason: UseAnotherServer, Props: with(Properties{
		ServerReference: []byte("b"), ReasonString: []byte("x"), User: []UserProperty{{[]byte("n"), []byte("v")}}},
		PropServerReference, PropReasonString)}, pack(0xE0, 17, 0x9C, 15, 0x1C, "b", 0x1F, "x", 0x26, "n", "v")},
	{"AUTH", client5, &Auth{Reason: ReAuthenticate, Props: with(Properties{AuthMethod: []byte("M"), AuthData: []byte{0}},
		PropAuthMethod, PropAuthData)}, pack(0xF0, 10, 0x19, 8, 0x15, "M", 0x16, "\x00")},
	{"AUTH success", server5, &Auth{Props: with(Properties{AuthMethod: []byte("M")}, PropAuthMethod)},
		pack(0xF0, 6, 0, 4, 0x15, "M")},
}

func TestDisconnectGolden(t *testing.T) { checkGolden(t, disconnectGolden) }

func TestDisconnectRefused(t *testing.T) {
	checkRefusals(t, DISCONNECT, []refusal{
		{"flags", client5, 1, nil, MalformedPacket, "MQTT-3.14.1-1"},
		{"flags", client311, 1, nil, MalformedPacket, "MQTT-3.14.1-1"},
		{"a body", client311, 0, pack(0), MalformedPacket, "MQTT-4.8.0-1"},
		{"a body", client31, 0, pack(0), MalformedPacket, "MQTT-4.8.0-1"},
		{"from a server", server311, 0, nil, ProtocolError, "MQTT-4.8.0-1"},
		{"unknown code", client5, 0, pack(3), ProtocolError, "MQTT-3.14.2-1"},
		{"code of a server", client5, 0, pack(0x8E), ProtocolError, "MQTT-3.14.2-1"},
		{"code of a client", server5, 0, pack(4), ProtocolError, "MQTT-3.14.2-1"},
		{"session expiry from a server", server5, 0, pack(0, 5, 0x11, 0, 0, 0, 9), ProtocolError, "MQTT-3.14.2-2"},
		{"server reference from a client", client5, 0, pack(0, 4, 0x1C, "b"), MalformedPacket, "MQTT-4.13.1-1"},
		{"property length past the end", client5, 0, pack(0, 5, 0x11), MalformedPacket, "MQTT-4.13.1-1"},
		{"a byte left over", client5, 0, pack(0, 0, 0), MalformedPacket, "MQTT-4.13.1-1"},
	})
	checkTolerated(t, DISCONNECT, []tolerated{
		{"flags", client31, 15, nil, &Disconnect{}},
		{"the long form of nothing", client5, 0, pack(0, 0), &Disconnect{}},
	})
}

func TestAuthRefused(t *testing.T) {
	method := pack(4, 0x15, "M")
	checkRefusals(t, AUTH, []refusal{
		{"before 5.0", client311, 0, pack(0x18, method), ProtocolError, "MQTT-4.8.0-1"},
		{"flags", client5, 1, pack(0x18, method), MalformedPacket, "MQTT-3.15.1-1"},
		{"empty, thus without method", server5, 0, nil, ProtocolError, "MQTT-4.12.0-5"},
		{"without method", client5, 0, pack(0x18, 0), ProtocolError, "MQTT-4.12.0-5"},
		{"no property length", client5, 0, pack(0x18), MalformedPacket, "MQTT-2.2.2-1"},
		{"unknown code", client5, 0, pack(1, method), ProtocolError, "MQTT-3.15.2-1"},
		{"success from a client", client5, 0, pack(0, method), ProtocolError, "MQTT-3.15.2-1"},
		{"re-authentication from a server", server5, 0, pack(0x19, method), ProtocolError, "MQTT-3.15.2-1"},
		{"method twice", client5, 0, pack(0x18, 8, 0x15, "M", 0x15, "M"), ProtocolError, "MQTT-4.13.1-1"},
		{"a byte left over", client5, 0, pack(0x18, method, 0), MalformedPacket, "MQTT-4.13.1-1"},
	})
	a := Auth{}
	if got := a.AppendTo(nil, V311, 0); len(got) != 0 {
		t.Errorf("3.1.1 has no AUTH, got % X", got)
	}
}

func TestPing(t *testing.T) {
	if got := AppendPingresp(AppendPingreq(nil)); string(got) != "\xC0\x00\xD0\x00" {
		t.Errorf("got % X, want C0 00 D0 00", got)
	}
	if err := DecodeEmpty(0, nil); err != nil {
		t.Errorf("got %v, want nil", err)
	}
	wantRefusal(t, DecodeEmpty(1, nil), MalformedPacket, "MQTT-2.1.3-1", nil)
	wantRefusal(t, DecodeEmpty(0, pack(0)), MalformedPacket, "MQTT-4.13.1-1", nil)
	wantRefusal(t, DecodePing(client311, 1, nil), MalformedPacket, "MQTT-2.2.2-2", nil)
	wantRefusal(t, DecodePing(client311, 0, pack(0)), MalformedPacket, "MQTT-4.8.0-1", nil)
	if err := DecodePing(client31, 15, nil); err != nil {
		t.Errorf("3.1 ignores the flags; got %v", err)
	}
}

func TestAuthShortestForm(t *testing.T) {
	if got, want := new(Auth).AppendTo(nil, V5, 0), pack(0xF0, 0); string(got) != string(want) {
		t.Errorf("got % X, want % X", got, want)
	}
}
