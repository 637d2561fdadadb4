package mqtt

import (
	"bytes"
	"testing"
)

func TestAckGolden(t *testing.T) {
	why := with(Properties{ReasonString: []byte("no"), User: []UserProperty{{[]byte("n"), []byte("v")}}}, PropReasonString)
	for _, typ := range []Type{PUBACK, PUBREC, PUBREL, PUBCOMP} {
		first, failed := int(typ)<<4, NotAuthorized
		if typ == PUBREL {
			first |= 2 // [MQTT-3.6.1-1]
		}
		if typ == PUBREL || typ == PUBCOMP {
			failed = PacketIdentifierNotFound
		}
		checkGolden(t, []golden{
			{typ.String() + " 3.1", client31, &Ack{Type: typ, ID: 0x1234}, pack(first, 2, 0x12, 0x34)},
			{typ.String() + " 3.1.1", server311, &Ack{Type: typ, ID: 0x1234}, pack(first, 2, 0x12, 0x34)},
			{typ.String() + " 5.0 success", client5, &Ack{Type: typ, ID: 0x1234}, pack(first, 2, 0x12, 0x34)},
			{typ.String() + " 5.0 with a code", client5, &Ack{Type: typ, ID: 1, Reason: failed}, pack(first, 3, 0, 1, int(failed))},
			{typ.String() + " 5.0 with properties", server5, &Ack{Type: typ, ID: 1, Props: why},
				pack(first, 16, 0, 1, 0, 12, 0x1F, "no", 0x26, "n", "v")},
		})
	}
}

// The forms that AppendTo does not choose are understood all the same.
func TestAckLongerThanNeeded(t *testing.T) {
	for _, body := range [][]byte{pack(0, 1, 0), pack(0, 1, 0, 0)} {
		checkTolerated(t, PUBACK, []tolerated{{"success", client5, 0, body, &Ack{Type: PUBACK, ID: 1}}})
	}
}

func TestAckRefused(t *testing.T) {
	rules := map[Type]string{PUBACK: "MQTT-3.4.2-1", PUBREC: "MQTT-3.5.2-1", PUBREL: "MQTT-3.6.2-1", PUBCOMP: "MQTT-3.7.2-1"}
	for typ, rule := range rules {
		flags, wrong, rule5, rule3 := byte(0), byte(2), "MQTT-2.1.3-1", "MQTT-2.2.2-2"
		if typ == PUBREL {
			flags, wrong, rule5, rule3 = 2, 0, "MQTT-3.6.1-1", "MQTT-3.6.1-1"
		}
		t.Run(typ.String(), func(t *testing.T) {
			checkRefusals(t, typ, []refusal{
				{"flags", client5, wrong, pack(0, 1), MalformedPacket, rule5},
				{"flags", client311, wrong, pack(0, 1), MalformedPacket, rule3},
				{"no identifier", client5, flags, nil, MalformedPacket, "MQTT-4.13.1-1"},
				{"half an identifier", client311, flags, pack(1), MalformedPacket, "MQTT-4.8.0-1"},
				{"identifier 0", client5, flags, pack(0, 0), ProtocolError, "MQTT-2.2.1-5"},
				{"identifier 0", client31, flags, pack(0, 0), ProtocolError, "MQTT-2.3.1-6"},
				{"a reason code", client311, flags, pack(0, 1, 0), MalformedPacket, "MQTT-4.8.0-1"},
				{"a reason code", client31, flags, pack(0, 1, 0), MalformedPacket, "MQTT-4.8.0-1"},
				{"foreign code", client5, flags, pack(0, 1, 0x8E), ProtocolError, rule},
				{"foreign code with properties", client5, flags, pack(0, 1, 0x8E, 0), ProtocolError, rule},
				{"property length past the end", client5, flags, pack(0, 1, 0, 1), MalformedPacket, "MQTT-4.13.1-1"},
				{"foreign property", client5, flags, pack(0, 1, 0, 2, 0x01, 0), MalformedPacket, "MQTT-4.13.1-1"},
				{"reason string twice", client5, flags, pack(0, 1, 0, 8, 0x1F, "a", 0x1F, "b"), ProtocolError, "MQTT-4.13.1-1"},
				{"a byte left over", client5, flags, pack(0, 1, 0, 0, 0), MalformedPacket, "MQTT-4.13.1-1"},
			})
		})
	}
	checkRefusals(t, PUBACK, []refusal{})
}

func TestAckTolerated(t *testing.T) {
	checkTolerated(t, PUBREL, []tolerated{
		{"flags", client31, 0x0A, pack(0, 1), &Ack{Type: PUBREL, ID: 1}},
		{"flags", client31, 0, pack(0, 1), &Ack{Type: PUBREL, ID: 1}},
	})
	checkTolerated(t, PUBACK, []tolerated{
		{"flags", client31, 0x0F, pack(0, 1), &Ack{Type: PUBACK, ID: 1}},
	})
}

// [MQTT-3.4.2-2] [MQTT-3.4.2-3]
func TestAckLeavesOutWhatExceedsTheMaximum(t *testing.T) {
	a := Ack{Type: PUBACK, ID: 1, Reason: NotAuthorized, Props: with(Properties{
		ReasonString: []byte("no"), User: []UserProperty{{[]byte("n"), []byte("v")}},
	}, PropReasonString)}
	all := pack(0x40, 16, 0, 1, 0x87, 12, 0x1F, "no", 0x26, "n", "v")
	noUser := pack(0x40, 9, 0, 1, 0x87, 5, 0x1F, "no")
	none := pack(0x40, 3, 0, 1, 0x87)
	for _, c := range []struct {
		max  int
		want []byte
	}{{0, all}, {18, all}, {17, noUser}, {11, noUser}, {10, none}, {5, none}, {1, none}} {
		if got := a.AppendTo(nil, V5, c.max); !bytes.Equal(got, c.want) {
			t.Errorf("max %d: got % X, want % X", c.max, got, c.want)
		}
	}
}

func TestAppendAck(t *testing.T) {
	for _, c := range []struct {
		t    Type
		r    Reason
		v    Version
		want []byte
	}{
		{PUBACK, NotAuthorized, V31, pack(0x40, 2, 0, 7)},
		{PUBREC, NotAuthorized, V311, pack(0x50, 2, 0, 7)},
		{PUBREL, Success, V5, pack(0x62, 2, 0, 7)},
		{PUBCOMP, PacketIdentifierNotFound, V5, pack(0x70, 3, 0, 7, 0x92)},
	} {
		if got := AppendAck(nil, c.t, 7, c.r, c.v); !bytes.Equal(got, c.want) {
			t.Errorf("AppendAck(%v, 7, %v, %v): got % X, want % X", c.t, c.r, c.v, got, c.want)
		}
	}
}
