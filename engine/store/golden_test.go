package store

import (
	"encoding/hex"
	"testing"
)

// The bytes of each kind. A layout never changes in place: what is written today is read by every later version.
func TestTheLayoutOfRecords(t *testing.T) {
	life := Lifetime{Left: 60, Wall: 1000}
	for _, c := range []struct {
		name  string
		write func(b *Batch)
		want  string
	}{
		{"MSG", func(b *Batch) {
			b.Message(&Message{ID: 300, Topic: []byte("a/b"), Props: []byte{1, 1}, Payload: []byte("hi"), QoS: 1, Retain: true, Publisher: 5, Expiry: life})
		}, "010110ac020d053ce80703612f620201016869"},
		{"ENQ", func(b *Batch) {
			b.Enqueue(300, []Delivery{{Session: 1, Seq: 200, QoS: 2, Retain: true, SubIDs: []uint32{7}}, {Session: 2, Seq: 1, QoS: 1, Shared: true}})
		}, "02010aac0201c8011607020109"},
		{"ACK", func(b *Batch) { b.Ack(1, 2) }, "0301020102"},
		{"REL", func(b *Batch) { b.Release(1, 2) }, "0401020102"},
		{"QIN", func(b *Batch) { b.Receive(1, 65535) }, "05010401ffff03"},
		{"QINDEL", func(b *Batch) { b.Complete(1, 1) }, "0601020101"},
		{"SES", func(b *Batch) {
			b.Session(&Session{ID: 1, ClientID: []byte("c"), Principal: []byte("p"), Username: []byte("u"), Version: 5, Clean: true, Expiry: 60, Created: 1000,
				Rest: life, HasWill: true, Will: Will{Topic: []byte("w"), Payload: []byte("x"), QoS: 1, Delay: 5, HasExpiry: true, Expiry: 9, Rest: life},
				Sent: 300, Parted: true, Superuser: true, Listener: []byte("l")})
		}, "07021e017d053ce8070163017001753ce8071905093ce8070177000178ac02016c"},
		{"SESDEL", func(b *Batch) { b.DropSession(1) }, "08010101"},
		{"SUB", func(b *Batch) { b.Subscribe(1, &Subscription{Filter: []byte("#"), Options: 2, ID: 3}) }, "0901050102030123"},
		{"UNSUB", func(b *Batch) { b.Unsubscribe(1, []byte("#")) }, "0a0103010123"},
		{"RET", func(b *Batch) { b.Retain(&Message{Topic: []byte("t"), Payload: []byte("x")}) }, "0b0106000001740078"},
		{"RETDEL", func(b *Batch) { b.Unretain([]byte("t")) }, "0c01020174"},
		{"META", func(b *Batch) { b.Meta([]byte("k"), []byte("v")) }, "0d0104016b0176"},
	} {
		var b Batch
		c.write(&b)
		if got := hex.EncodeToString(b.Bytes()); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestSessionsOfVersion1AreRead(t *testing.T) {
	old, _ := hex.DecodeString("07011a010d053ce8070163017001753ce8071905093ce8070177000178")
	life := Lifetime{Left: 60, Wall: 1000}
	want := Record{Kind: SES, Session: Session{ID: 1, ClientID: []byte("c"), Principal: []byte("p"), Username: []byte("u"), Version: 5, Clean: true, Expiry: 60,
		Created: 1000, Rest: life, Sent: SentUnknown, HasWill: true, Will: Will{Topic: []byte("w"), Props: []byte{}, Payload: []byte("x"), QoS: 1, Delay: 5,
			HasExpiry: true, Expiry: 9, Rest: life}}}
	var r Record
	if n, err := Decode(old, &r); n != len(old) || err != nil || r.Version != 1 || plain(&r) != plain(&want) {
		t.Errorf("got %d bytes, %v, version %d\n got %s\nwant %s", n, err, r.Version, plain(&r), plain(&want))
	}
	var b Batch
	b.Record(&r)
	again := r
	if _, err := Decode(b.Bytes(), &again); err != nil || again.Version != 2 || plain(&again) != plain(&want) {
		t.Errorf("written again: %v, version %d\n got %s\nwant %s", err, again.Version, plain(&again), plain(&want))
	}
	for _, in := range []string{"07011a011d053ce8070163017001753ce8071905093ce8070177000178", "07011b010d053ce8070163017001753ce8071905093ce807017700017800"} {
		in, _ := hex.DecodeString(in)
		if _, err := Decode(in, &r); err == nil {
			t.Errorf("%x: version 1 with what only version 2 has is read", in)
		}
	}
}
