package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

func message(id uint64) Message {
	return Message{ID: id, Topic: []byte("a/b"), Props: []byte{1, 1}, Payload: []byte("hello"), QoS: 2, Retain: true, Publisher: 300,
		Expiry: Lifetime{Left: 60, Wall: 1_800_000_000}}
}

// samples is one record of each kind with all its fields, and some at their limits.
func samples() []Record {
	long := bytes.Repeat([]byte("x"), 70000)
	bare := Message{ID: 1<<64 - 1}
	big := message(5)
	big.Topic, big.Payload = long[:65535], long
	retained := message(0)
	ids := make([]uint32, 40)
	for i := range ids {
		ids[i] = uint32(i) * 100_000_000
	}
	s := Session{ID: 9, ClientID: []byte("dev-1"), Principal: []byte("p"), Username: []byte("u"), Version: mqtt.V5, Clean: true, Online: true,
		Expiry: 1<<32 - 1, Created: 1_800_000_000, Rest: Lifetime{Left: 1, Wall: 1}, Sent: 1 << 40, Parted: true, Superuser: true, Listener: []byte("l"), HasWill: true,
		Will: Will{Topic: []byte("w"), Props: []byte{2}, Payload: long, QoS: 2, Retain: true, Delay: 5, HasExpiry: true, Expiry: 0, Rest: Lifetime{3, 4}}}
	return []Record{
		{Kind: MSG, Message: message(7)}, {Kind: MSG, Message: bare}, {Kind: MSG, Message: big},
		{Kind: ENQ, Message: Message{ID: 7}, Deliveries: []Delivery{
			{Session: 1, Seq: 0, QoS: 1}, {Session: 2, Seq: 1 << 60, QoS: 2, Retain: true, Shared: true, SubIDs: []uint32{1, 268435455}},
			{Session: 3, Seq: 5, QoS: 1, SubIDs: ids}, {Session: 4, Seq: 5, QoS: 1, SubIDs: ids[:15]}, {Session: 4, Seq: 6, QoS: 1, SubIDs: ids[:14]}}},
		{Kind: ACK, Session: Session{ID: 9}, Seq: 128}, {Kind: REL, Session: Session{ID: 9}, Seq: 0},
		{Kind: QIN, Session: Session{ID: 9}, PacketID: 65535}, {Kind: QINDEL, Session: Session{ID: 9}, PacketID: 1},
		{Kind: SES, Session: s}, {Kind: SES, Session: Session{ID: 10}}, {Kind: SESDEL, Session: Session{ID: 9}},
		{Kind: SUB, Session: Session{ID: 9}, Subscription: Subscription{Filter: []byte("$share/g/#"), Options: 0x2a, ID: 4}},
		{Kind: UNSUB, Session: Session{ID: 9}, Subscription: Subscription{Filter: []byte("+")}},
		{Kind: RET, Message: retained}, {Kind: RETDEL, Message: Message{Topic: []byte("a/b")}},
		{Kind: META, Key: []byte("k"), Value: []byte("v")}, {Kind: META, Key: []byte("k")},
	}
}

// plain makes records comparable: what encoding does not keep apart is made equal.
func plain(r *Record) string {
	c := *r
	c.Raw, c.Version = nil, 0
	return fmt.Sprintf("%+v", c)
}

func TestEveryKindComesBackAsItWasWritten(t *testing.T) {
	all := samples()
	var b Batch
	for i := range all {
		b.Record(&all[i])
	}
	if b.Len() != len(all) {
		t.Errorf("got %d records in the batch, want %d", b.Len(), len(all))
	}
	var r Record
	i := 0
	err := Each(b.Bytes(), &r, func(r *Record) error {
		if got, want := plain(r), plain(&all[i]); got != want {
			t.Errorf("record %d:\n got %s\nwant %s", i, got, want)
		}
		if r.Version != versions[r.Kind] {
			t.Errorf("record %d: got version %d, want %d", i, r.Version, versions[r.Kind])
		}
		i++
		return nil
	})
	if err != nil || i != len(all) {
		t.Fatalf("got %d records and %v, want %d and nil", i, err, len(all))
	}
}

func TestABatchKeepsNothingOfItsCaller(t *testing.T) {
	payload := []byte("hello")
	var b Batch
	b.Retain(&Message{Topic: payload, Payload: payload})
	before := bytes.Clone(b.Bytes())
	copy(payload, "XXXXX")
	if !bytes.Equal(b.Bytes(), before) {
		t.Errorf("got %q after the caller changed its slice, want %q", b.Bytes(), before)
	}
}

func TestResetKeepsUsualMemoryAndLetsGoOfHuge(t *testing.T) {
	var b Batch
	m := Message{ID: 1, Payload: make([]byte, 1000)}
	fill := func() {
		b.Reset()
		for range 100 {
			b.Message(&m)
			b.Enqueue(1, []Delivery{{Session: 1, Seq: 2, QoS: 1}})
			b.Ack(1, 2)
		}
	}
	fill()
	if got := testing.AllocsPerRun(100, fill); got != 0 {
		t.Errorf("allocations per batch: got %v, want 0", got)
	}
	m.Payload = make([]byte, 2*keepBuffer)
	b.Message(&m)
	b.Reset()
	if cap(b.buf) > keepBuffer || b.Len() != 0 {
		t.Errorf("after Reset: got %d bytes kept and %d records, want at most %d and 0", cap(b.buf), b.Len(), keepBuffer)
	}
}

func TestUnknownRecordsAreCarriedAlongOrRefused(t *testing.T) {
	var r Record
	unknown := []byte{0x7f, 9, 3, 'a', 'b', 'c'}
	n, err := Decode(append(slices.Clone(unknown), 1, 2, 3), &r)
	if err != nil || n != len(unknown) || !bytes.Equal(r.Raw, unknown) {
		t.Fatalf("kind 0x7f: got %d %v raw %x, want %d nil %x", n, err, r.Raw, len(unknown), unknown)
	}
	var b Batch
	if b.Record(&r); !bytes.Equal(b.Bytes(), unknown) {
		t.Errorf("carried along: got %x, want %x", b.Bytes(), unknown)
	}
	for _, in := range [][]byte{{0x80, 1, 0}, {byte(ACK), versions[ACK] + 1, 2, 1, 1}, {byte(SES), versions[SES] + 1, 0}} {
		if _, err := Decode(in, &r); !errors.Is(err, ErrNewer) {
			t.Errorf("%x: got %v, want ErrNewer", in, err)
		}
	}
}

func TestDamagedRecordsAreRefused(t *testing.T) {
	for _, in := range [][]byte{
		{}, {byte(ACK)}, {byte(ACK), 1}, {byte(ACK), 1, 5, 1, 1}, {0, 1, 0}, {byte(ACK), 0, 2, 1, 1},
		{byte(ACK), 1, 3, 1, 1, 1},    // a field too many
		{byte(ACK), 1, 2, 0, 1},       // session 0
		{byte(ACK), 1, 3, 1, 0x80, 0}, // a uvarint longer than needed
		{byte(ACK), 1, 11, 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2}, // more than 64 bits
		{byte(QIN), 1, 2, 1, 0},                  // packet identifier 0
		{byte(QIN), 1, 4, 1, 0x80, 0x80, 4},      // packet identifier 65,536
		{byte(ENQ), 1, 5, 1, 1, 1, 0xf1, 0xff},   // more identifiers than there is room for
		{byte(ENQ), 1, 4, 1, 1, 1, 3},            // QoS 3
		{byte(META), 1, 3, 200, 1, 'k'},          // a string longer than the record
		{byte(RET), 1, 6, 0x10, 0, 1, 'a', 0, 0}, // an unknown flag
	} {
		var r Record
		if n, err := Decode(in, &r); !errors.Is(err, ErrMalformed) {
			t.Errorf("%x: got %d %v, want ErrMalformed", in, n, err)
		}
	}
}
