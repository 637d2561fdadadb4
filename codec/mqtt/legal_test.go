package mqtt

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// hexSet reads a list of codes as the specification prints them: "00 80-8A".
func hexSet(list string) map[int]bool {
	set := map[int]bool{}
	for _, item := range strings.Fields(list) {
		var lo, hi int
		if n, _ := fmt.Sscanf(item, "%x-%x", &lo, &hi); n == 1 {
			hi = lo
		}
		for c := lo; c <= hi; c++ {
			set[c] = true
		}
	}
	return set
}

// Which codes may stand in which packet, from which side. A packet that a side
// never sends has no codes there.
func TestReasonCodesOfEachPacket(t *testing.T) {
	for _, c := range []struct {
		t              Type
		client, server string
	}{
		{CONNACK, "", "00 80-8A 8C 90 95 97 99-9D 9F"},
		{PUBACK, "00 10 80 83 87 90 91 97 99", "00 10 80 83 87 90 91 97 99"},
		{PUBREC, "00 10 80 83 87 90 91 97 99", "00 10 80 83 87 90 91 97 99"},
		{PUBREL, "00 92", "00 92"},
		{PUBCOMP, "00 92", "00 92"},
		{SUBACK, "", "00 01 02 80 83 87 8F 91 97 9E A1 A2"},
		{UNSUBACK, "", "00 11 80 83 87 8F 91"},
		{DISCONNECT, "00 04 80-83 90 93-99", "00 80-83 87 89 8B 8D 8E 8F 90 93-A2"},
		{AUTH, "18 19", "00 18"},
		{PUBLISH, "", ""},
	} {
		for _, from := range []Peer{client5, server5} {
			want := hexSet(c.client)
			if from.Server {
				want = hexSet(c.server)
			}
			for code := range 256 {
				if got := Reason(code).LegalIn(c.t, from.Server); got != want[code] {
					t.Errorf("%v with %#x, server=%v: got legal %v, want %v", c.t, code, from.Server, got, want[code])
				}
				if len(want) > 0 {
					checkCode(t, c.t, from, code, want[code])
				}
			}
		}
	}
}

// checkCode decodes a packet with that code.
func checkCode(t *testing.T, typ Type, from Peer, code int, legal bool) {
	t.Helper()
	var flags byte
	var body []byte
	switch typ {
	case CONNACK:
		body = pack(0, code, 0)
	case SUBACK, UNSUBACK:
		body = pack(0, 1, 0, code)
	case DISCONNECT:
		body = pack(code)
	case AUTH:
		body = pack(code, 4, 0x15, "M")
	default:
		flags, body = ackFlags(typ), pack(0, 1, code)
	}
	err := empty(typ).Decode(from, flags, body)
	if legal != (err == nil) || !legal && !errors.Is(err, ProtocolError) {
		t.Errorf("%v % X, server=%v: got %v, want legal %v", typ, body, from.Server, err, legal)
	}
}

func TestReasonNames(t *testing.T) {
	for code := range hexSet("00-02 04 10 11 18 19 80-A2") {
		if name := Reason(code).String(); strings.HasPrefix(name, "reason") || Reason(code).Error() != name {
			t.Errorf("%#x: got name %q", code, name)
		}
	}
	if got, want := Reason(0x7F).String(), "reason 0x7f"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, r := range []Reason{Success, 0x7F, 0x80, 0xFF} {
		if r.Failed() != (r >= 0x80) {
			t.Errorf("%v: got failed %v", r, r.Failed())
		}
	}
}

// sample is a legal value of each property.
var sample = map[int][]byte{
	0x01: pack(1), 0x02: pack(0, 0, 0, 1), 0x03: pack("t"), 0x08: pack("r"), 0x09: pack("c"), 0x0B: pack(1),
	0x11: pack(0, 0, 0, 1), 0x12: pack("i"), 0x13: pack(0, 1), 0x15: pack("m"), 0x16: pack("d"), 0x17: pack(1),
	0x18: pack(0, 0, 0, 1), 0x19: pack(1), 0x1A: pack("r"), 0x1C: pack("s"), 0x1F: pack("x"), 0x21: pack(0, 1),
	0x22: pack(0, 1), 0x23: pack(0, 1), 0x24: pack(1), 0x25: pack(1), 0x26: pack("n", "v"), 0x27: pack(0, 0, 0, 1),
	0x28: pack(1), 0x29: pack(1), 0x2A: pack(1),
}

// places are the packets with properties: what stands before and behind them,
// and which are allowed. Authentication needs its method, which is then left out of the list.
var places = []struct {
	name           string
	t              Type
	from           Peer
	flags          byte
	before, behind []byte
	allowed        string
}{
	{"CONNECT", CONNECT, client5, 0, pack("MQTT", 5, 0, 0, 0), pack("id"), "11 15 17 19 21 22 26 27"},
	{"Will", CONNECT, client5, 0, pack("MQTT", 5, 4, 0, 0, 0, "id"), pack("w", "m"), "01 02 03 08 09 18 26"},
	{"CONNACK", CONNACK, server5, 0, pack(0, 0), nil, "11 12 13 15 16 1A 1C 1F 21 22 24 25 26 27 28 29 2A"},
	{"PUBLISH from a client", PUBLISH, client5, 0, pack("a"), nil, "01 02 03 08 09 23 26"},
	{"PUBLISH from a server", PUBLISH, server5, 0, pack("a"), nil, "01 02 03 08 09 0B 23 26"},
	{"PUBACK", PUBACK, client5, 0, pack(0, 1, 0), nil, "1F 26"},
	{"PUBREC", PUBREC, server5, 0, pack(0, 1, 0), nil, "1F 26"},
	{"PUBREL", PUBREL, client5, 2, pack(0, 1, 0), nil, "1F 26"},
	{"PUBCOMP", PUBCOMP, server5, 0, pack(0, 1, 0), nil, "1F 26"},
	{"SUBSCRIBE", SUBSCRIBE, client5, 2, pack(0, 1), pack("a", 0), "0B 26"},
	{"SUBACK", SUBACK, server5, 0, pack(0, 1), pack(0), "1F 26"},
	{"UNSUBSCRIBE", UNSUBSCRIBE, client5, 2, pack(0, 1), pack("a"), "26"},
	{"UNSUBACK", UNSUBACK, server5, 0, pack(0, 1), pack(0), "1F 26"},
	{"DISCONNECT from a client", DISCONNECT, client5, 0, pack(0), nil, "11 1F 26"},
	{"DISCONNECT from a server", DISCONNECT, server5, 0, pack(0), nil, "1C 1F 26"},
	{"AUTH", AUTH, client5, 0, pack(0x18), nil, ""},
}

func TestPropertiesOfEachPacket(t *testing.T) {
	for _, place := range places {
		want := hexSet(place.allowed)
		decode := func(block []byte) error {
			body := pack(place.before, AppendVarint(nil, len(block)), block, place.behind)
			return empty(place.t).Decode(place.from, place.flags, body)
		}
		for id := range 256 {
			value, known := sample[id]
			block := append([]byte{byte(id)}, value...)
			if place.t == AUTH {
				break
			}
			if err := decode(block); (err == nil) != want[id] {
				if place.t == CONNECT && id == 0x16 {
					continue // only together with the method
				}
				t.Errorf("%s with property %#x: got %v, want allowed %v", place.name, id, err, want[id])
			}
			if !want[id] {
				continue
			}
			// A second one is a Protocol Error, save where repeating is allowed.
			again := known && (id == 0x26 || id == 0x0B && place.t == PUBLISH)
			if err := decode(append(block, block...)); again != (err == nil) || !again && !errors.Is(err, ProtocolError) {
				t.Errorf("%s with property %#x twice: got %v, want allowed %v", place.name, id, err, again)
			}
			// Cut off anywhere it is malformed.
			for n := 1; n < len(block); n++ {
				if err := decode(block[:n]); !errors.Is(err, MalformedPacket) {
					t.Errorf("%s with % X of property % X: got %v, want Malformed Packet", place.name, block[:n], block, err)
				}
			}
		}
	}
}

func TestPropertiesOfAuth(t *testing.T) {
	want := hexSet("16 1F 26")
	for id := range 256 {
		block := pack(0x15, "m", id, sample[id])
		err := new(Auth).Decode(client5, 0, pack(0x18, len(block), block))
		if (err == nil) != want[id] {
			t.Errorf("AUTH with method and property %#x: got %v, want allowed %v", id, err, want[id])
		}
	}
}

// Each property is written back as it was read, and into no packet it does not belong to.
func TestPropertiesAreWrittenWhereTheyBelong(t *testing.T) {
	var all Properties
	for id, value := range sample {
		for sc := range scopes {
			if allowed[sc]>>id&1 != 0 {
				if why := all.read(pack(id, value), sc); why != nil {
					t.Fatalf("property %#x: %v", id, why.at(site5))
				}
				break
			}
		}
	}
	for id := range sample {
		if !all.Has(PropID(id)) {
			t.Errorf("property %#x was read and is not there", id)
		}
	}
	for sc := range scopes {
		var want []byte
		for id := range propLimit {
			if allowed[sc]>>id&1 != 0 {
				want = append(want, pack(id, sample[id])...)
			}
		}
		set := all.in(sc)
		if got := all.append(nil, set); string(got) != string(want) || all.size(set) != len(want) {
			t.Errorf("scope %d: got % X (size %d), want % X", sc, got, all.size(set), want)
		}
	}
}
