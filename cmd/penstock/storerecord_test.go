package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// everyRecord has a record of each kind, and one that nobody knows.
func everyRecord() *store.Batch {
	b := &store.Batch{}
	b.Session(&store.Session{
		ID: 5, ClientID: []byte("c\x1b[31m"), Principal: []byte("who"), Username: []byte("user"), Version: mqtt.V5, Online: true,
		Expiry: 1<<32 - 1, Created: 1, Rest: store.Lifetime{Left: 9}, Sent: 4, HasWill: true,
		Will: store.Will{Topic: []byte("gone"), Payload: []byte("bye"), QoS: 1, Delay: 30},
	})
	b.Subscribe(5, &store.Subscription{Filter: []byte("a/#"), Options: 1 | 4 | 8 | 1<<4, ID: 7})
	b.Unsubscribe(5, []byte("b"))
	b.Message(&store.Message{ID: 8, Topic: []byte("t"), Payload: []byte(strings.Repeat("é", 100)), QoS: 2, Retain: true, Publisher: 5, Expiry: store.Lifetime{Left: 60}})
	many := make([]store.Delivery, 20)
	for i := range many {
		many[i] = store.Delivery{Session: 5, Seq: uint64(i + 1), QoS: 1, SubIDs: []uint32{1, 2}}
	}
	b.Enqueue(8, many)
	b.Ack(5, 1)
	b.Release(5, 2)
	b.Receive(5, 11)
	b.Complete(5, 11)
	b.Retain(&store.Message{Topic: []byte("r"), Payload: []byte{0xFF, 0}, QoS: 1})
	b.Unretain([]byte("r"))
	b.Meta([]byte("ids"), []byte{1})
	b.DropSession(5)
	b.Record(&store.Record{Kind: 0x30, Raw: []byte{0x30, 1, 0}})
	return b
}

func TestEveryRecordIsPrintedOnOneLine(t *testing.T) {
	want := []string{
		`session=5 client="c\x1b[31m" principal="who" user="user" mqtt="5.0" online expiry="never" left=9 created="1970-01-01T00:00:01Z" sent=4 will=(topic="gone" qos=1 delay=30 payload_bytes=3 payload="bye")`,
		`session=5 filter="a/#" qos=1 no_local retain_as_published retain_handling=1 identifier=7`,
		`session=5 filter="b"`,
		`message=8 topic="t" qos=2 retain publisher=5 left=60 payload_bytes=200 payload="` + strings.Repeat("é", 32) + `"`,
		`message=8 deliveries=20 to=[session=5 seq=1 qos=1 identifiers=[1 2], `,
		`session=5 seq=1`,
		`session=5 seq=2`,
		`session=5 packet=11`,
		`session=5 packet=11`,
		`topic="r" qos=1 payload_bytes=2 payload_base64="/wA="`,
		`topic="r"`,
		`key="ids" value_bytes=1 value="\x01"`,
		`session=5`,
		`bytes=3`,
	}
	var rec store.Record
	n := 0
	err := store.Each(everyRecord().Bytes(), &rec, func(r *store.Record) error {
		if got := recordFields(r, false).String(); !strings.HasPrefix(got, want[n]) || len(got) > len(want[n]) && r.Kind != store.ENQ {
			t.Errorf("%v:\n got %s\nwant %s", r.Kind, got, want[n])
		}
		n++
		return nil
	})
	if err != nil || n != len(want) {
		t.Errorf("%d records, %v, want %d", n, err, len(want))
	}
}

func TestEveryRecordIsAnObjectOfJSON(t *testing.T) {
	for _, full := range []bool{false, true} {
		var rec store.Record
		err := store.Each(everyRecord().Bytes(), &rec, func(r *store.Record) error {
			text, err := json.Marshal(recordFields(r, full))
			if err != nil {
				return err
			}
			var got struct {
				Session uint64
				Payload string
				To      []struct {
					Session, Seq, QoS uint64
					Identifiers       []uint32
				}
				Will struct{ Topic, Payload string }
			}
			if err := json.Unmarshal(text, &got); err != nil {
				return err
			}
			deliveries, payload := shownDeliveries, shownBytes
			if full {
				deliveries, payload = 20, 200
			}
			switch r.Kind {
			case store.SES:
				if got.Session != 5 || got.Will.Topic != "gone" || got.Will.Payload != "bye" {
					t.Errorf("got %s", text)
				}
			case store.MSG:
				if len(got.Payload) != payload {
					t.Errorf("full %v: %d bytes of the payload, want %d: %s", full, len(got.Payload), payload, text)
				}
			case store.ENQ:
				if len(got.To) != deliveries || got.To[2].Seq != 3 || len(got.To[2].Identifiers) != 2 {
					t.Errorf("full %v: %d deliveries, want %d: %s", full, len(got.To), deliveries, text)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}
