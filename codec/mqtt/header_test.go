package mqtt

import "testing"

func TestReadHeader(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []byte
		want Header
		ok   bool
	}{
		{"nothing", nil, Header{}, false},
		{"half", pack(0x30), Header{}, false},
		{"one byte of length", pack(0x3B, 0x7F, 1), Header{PUBLISH, 11, 127, 2}, true},
		{"length cut off", pack(0x30, 0x80), Header{}, false},
		{"length cut off late", pack(0x30, 0xFF, 0xFF, 0xFF), Header{}, false},
		{"two bytes of length", pack(0x82, 0x80, 1), Header{SUBSCRIBE, 2, 128, 3}, true},
		{"the largest", pack(0xF0, 0xFF, 0xFF, 0xFF, 0x7F), Header{AUTH, 0, MaxRemaining, 5}, true},
		{"longer than needed", pack(0x30, 0x85, 0x80, 0), Header{PUBLISH, 0, 5, 4}, true},
	} {
		h, ok, err := ReadHeader(c.in)
		if err != nil || ok != c.ok || ok && h != c.want {
			t.Errorf("%s: got %+v, %v, %v; want %+v, %v; input % X", c.name, h, ok, err, c.want, c.ok, c.in)
		}
	}
	for _, in := range [][]byte{pack(0), pack(0x0F, 0), pack(0, 0xFF, 0xFF, 0xFF, 0xFF)} {
		_, _, err := ReadHeader(in)
		wantRefusal(t, err, MalformedPacket, "MQTT-4.13.1-1", in)
	}
	in := pack(0x30, 0x80, 0x80, 0x80, 0x80)
	_, _, err := ReadHeader(in)
	wantRefusal(t, err, MalformedPacket, "MQTT-1.5.5-1", in)
}

func TestHeaderCheck(t *testing.T) {
	both := []Type{PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP}
	client := append([]Type{CONNECT, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT}, both...)
	server := append([]Type{CONNACK, SUBACK, UNSUBACK, PINGRESP}, both...)
	for _, c := range []struct {
		from  Peer
		types []Type
		rule  string
	}{
		{client31, client, "MQTT-4.8.0-1"},
		{client311, client, "MQTT-4.8.0-1"},
		{server311, server, "MQTT-4.8.0-1"},
		{client5, append(client, AUTH), "MQTT-4.13.1-1"},
		{server5, append(server, AUTH, DISCONNECT), "MQTT-4.13.1-1"},
	} {
		legal := types(c.types...)
		for typ := range Type(16) {
			err := Header{Type: typ, Remaining: 200, Size: 3}.Check(c.from)
			if legal>>typ&1 == 0 {
				wantRefusal(t, err, ProtocolError, c.rule, []byte(typ.String()))
			} else if err != nil {
				t.Errorf("%v from %+v: %v", typ, c.from, err)
			}
		}
	}
	long := Header{Type: PUBLISH, Remaining: 5, Size: 3}
	wantRefusal(t, long.Check(client5), MalformedPacket, "MQTT-1.5.5-1", nil)
	if err := long.Check(client311); err != nil {
		t.Errorf("3.1.1 does not ask for the shortest form; got %v", err)
	}
}

func TestNamesOfTypesAndVersions(t *testing.T) {
	for got, want := range map[string]string{
		CONNECT.String(): "CONNECT", AUTH.String(): "AUTH", Type(0).String(): "RESERVED", Type(16).String(): "TYPE 16",
		V31.String(): "3.1", V311.String(): "3.1.1", V5.String(): "5.0", Version(9).String(): "version 9",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
