package mqtt

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
)

func goldens() (all []golden) {
	for _, list := range [][]golden{connectGolden, connackGolden, publishGolden, subscribeGolden, disconnectGolden} {
		all = append(all, list...)
	}
	return append(all,
		golden{"PUBACK", client5, &Ack{Type: PUBACK, ID: 1, Reason: NotAuthorized, Props: with(Properties{}, PropReasonString)}, pack(0x40, 7, 0, 1, 0x87, 3, 0x1F, "")},
		golden{"PUBREL", client31, &Ack{Type: PUBREL, ID: 1}, pack(0x62, 2, 0, 1)})
}

// FuzzDecode: any bytes from anybody are refused with a reason and a rule, or
// mean something that survives being written and read again.
func FuzzDecode(f *testing.F) {
	for _, g := range goldens() {
		h, ok, _ := ReadHeader(g.wire)
		if !ok {
			f.Fatalf("% X has no header", g.wire)
		}
		f.Add(byte(g.from.Version), g.from.Server, g.wire[0], g.wire[h.Size:])
	}
	f.Add(byte(5), false, byte(0x30), pack("", 3, 0x23, 0, 1))
	f.Add(byte(3), false, byte(0x38), pack("a"))
	f.Add(byte(3), true, byte(0x90), pack(0, 1, 0x80))
	f.Add(byte(3), false, byte(0x1F), pack("MQIsdp", 3, 0xFB, 0, 0, "\xFF"))
	f.Add(byte(5), true, byte(0x30), pack("a", 0x80, 1, bytes.Repeat(pack(0x0B, 1), 64)))
	f.Add(byte(5), false, byte(0xA2), pack(0, 1, 0, bytes.Repeat(pack(""), 70)))
	f.Fuzz(func(t *testing.T, version byte, server bool, first byte, body []byte) {
		from := Peer{Version: V31 + Version(version%3), Server: server}
		h := Header{Type: Type(first >> 4), Flags: first & 15, Remaining: len(body)}
		p := empty(h.Type)
		if p == nil {
			checkDecodeError(t, DecodePing(from, h.Flags, body))
			return
		}
		err := p.Decode(from, h.Flags, body)
		checkAllocated(t, p, len(body))
		if err != nil {
			checkDecodeError(t, err)
			return
		}
		checkStable(t, from, p)
	})
}

func checkDecodeError(t *testing.T, err error) {
	t.Helper()
	var e *Error
	if err != nil && (!errors.As(err, &e) || !e.Reason.Failed() || e.Rule == "" || e.Detail == "") {
		t.Errorf("an error without reason, rule or detail: %#v", err)
	}
}

// checkAllocated holds each list to what so many bytes can hold at most: a User
// Property takes five of them, a Subscription Identifier two, a filter two or three.
func checkAllocated(t *testing.T, p packet, arrived int) {
	t.Helper()
	check := func(name string, capacity, bytesEach int) {
		if capacity > arrived/bytesEach+1 {
			t.Errorf("%s: room for %d made from %d bytes", name, capacity, arrived)
		}
	}
	props := func(p *Properties) {
		check("user properties", cap(p.User), 5)
		check("subscription identifiers", cap(p.SubscriptionIDs), 2)
	}
	switch p := p.(type) {
	case *anyConnect:
		props(&p.Props)
		props(&p.Will.Props)
	case *anyPublish:
		props(&p.Props)
	case *Subscribe:
		props(&p.Props)
		check("filters", cap(p.Filters), 3)
	case *Unsubscribe:
		props(&p.Props)
		check("filters", cap(p.Filters), 2)
	case *Suback:
		check("codes", cap(p.Codes), 1)
	case *Unsuback:
		check("codes", cap(p.Codes), 1)
	}
}

// checkStable writes p and reads it again: equal value, then equal bytes.
func checkStable(t *testing.T, from Peer, p packet) {
	t.Helper()
	v := from.Version
	if c, ok := p.(*anyConnect); ok {
		v, from = c.Version, Peer{Version: c.Version}
	}
	wire := p.AppendTo(nil, v, 0)
	again, err := decodeWhole(from, wire)
	if err != nil {
		t.Fatalf("%+v\nwritten % X\nrefused: %v", p, wire, err)
	}
	if s, ok := p.(*Suback); ok && v == V31 {
		for i, c := range s.Codes {
			if c.Failed() {
				s.Codes[i] = GrantedQoS0 // 3.1 reads failures but cannot write them
			}
		}
	}
	if !same(p, again) {
		t.Fatalf("%+v\nwritten % X\nbecomes %+v", p, wire, again)
	}
	if twice := again.AppendTo(nil, v, 0); !bytes.Equal(wire, twice) {
		t.Fatalf("%+v\nwritten % X\n and    % X", p, wire, twice)
	}
	if pub, ok := p.(*anyPublish); ok && pub.Size(v) != len(wire) {
		t.Fatalf("%+v: Size %d, written %d", p, pub.Size(v), len(wire))
	}
	// Cut down to a maximum it is never larger and still legal.
	small := p.AppendTo(nil, v, len(wire)-1)
	if _, err := decodeWhole(from, small); err != nil || len(small) > len(wire) {
		t.Fatalf("%+v\nwritten % X\ncut down % X: %v", p, wire, small, err)
	}
}

// FuzzReader: a stream means the same however it is cut and wherever the
// connection pauses, and what is held stays within what arrived.
func FuzzReader(f *testing.F) {
	var stream []byte
	for _, g := range goldens() {
		f.Add(g.wire, uint64(1), uint16(0))
		stream = append(stream, g.wire...)
	}
	f.Add(stream, uint64(2), uint16(0))
	f.Add(stream, uint64(3), uint16(40))
	f.Add(someStream(0, 120, 300), uint64(4), uint16(0))
	f.Add(pack(0xC0, 0, 0x30, 0x80, 0x80, 0x80, 0x80), uint64(5), uint16(0))
	f.Add(pack(0xC0, 0x80, 0, 0xC0, 0, 0, 0), uint64(6), uint16(0))
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64, max uint16) {
		want := whole(t, stream, int(max))
		rng := rand.New(rand.NewPCG(seed, 0))
		sizes := []int{1, 3, 9, 40, 300, 5000}
		got := readInPieces(t, stream, int(max), func() (int, bool) {
			return 1 + rng.IntN(sizes[rng.IntN(len(sizes))]), rng.IntN(4) == 0
		})
		if !got.equal(want) {
			t.Errorf("seed %d, max %d, stream % X\n got %+v\nwant %+v", seed, max, stream, got, want)
		}
	})
}
