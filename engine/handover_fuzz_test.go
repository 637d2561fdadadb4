package engine

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// FuzzState starts brokers on the records of any state: what is no state is an error, and what passes for one does no harm
// when its clients come, its wills are due and its sessions end. The input is what stands inside of the frames, as a checksum
// would keep nearly everything else out, and behind it what a story tells, whose every byte makes a record.
func FuzzState(f *testing.F) {
	whole := aState()
	f.Add(whole, []byte(nil))
	for n := range 8 {
		f.Add(whole[:len(whole)*n/8], []byte("story"))
	}
	_ = store.Each(whole, new(store.Record), func(r *store.Record) error {
		f.Add(bytes.Clone(r.Raw), []byte{})
		f.Add(append(bytes.Clone(whole), r.Raw...), []byte{}) // twice
		return nil
	})
	for seed := range byte(20) {
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		told := []byte{0, 1, 2, 10, 12, 13, 14}
		for range 40 {
			told = append(told, byte(r.Uint32()))
		}
		f.Add([]byte(nil), told)
	}
	f.Fuzz(func(t *testing.T, records, told []byte) {
		records = append(bytes.Clone(records), story(told)...)
		var clock steered
		cfg := settings()
		cfg.Loops = 1
		b := unstarted(t, cfg, Parts{State: bytes.NewReader(inFrame(records)), Clock: clock.now})
		if err := b.Start(); err != nil {
			return
		}
		defer stop(t, b)
		page, err := b.Clients(soon(t), ClientQuery{Limit: 4})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page.Clients {
			come(t, address(b, 0), c.ClientID)
		}
		clock.forward(time.Hour)
		passed(t, b, time.Hour)
		if n := b.Stats().Panics; n > 0 {
			t.Errorf("panics: got %d", n)
		}
		var again bytes.Buffer
		if err := b.HandOver(soon(t), &again); err != nil {
			t.Fatal(err)
		}
		next := unstarted(t, cfg, Parts{State: &again, Clock: clock.now})
		defer stop(t, next)
		if err := next.Start(); err != nil {
			t.Errorf("what a broker has handed over is refused: %v", err)
		}
	})
}

// story makes a record of each byte: of the same few sessions, deliveries and messages, so that records meet.
func story(told []byte) []byte {
	var b store.Batch
	topics := []string{"r/1", "r/2", "", "r/#", "$SYS/x", "$share/g/r/+"}
	last := uint64(1)
	for i, x := range told {
		n, id, topic := uint64(x/16), uint64(1+x/16%3), []byte(topics[int(x/16)%len(topics)])
		if x%16 < 2 {
			last = id
		} else if x < 0xf0 {
			id = last // records come session by session; now and then one does not
		}
		switch x % 16 {
		case 0, 1:
			b.Session(&store.Session{ID: id, ClientID: []byte{'a' + x/16%2}, Version: mqtt.Version(n), Online: n&1 != 0, Expiry: uint32(n / 4), Rest: store.Lifetime{Left: uint32(n & 2)},
				HasWill: n&4 != 0, Will: store.Will{Topic: []byte("r/w"), Delay: uint32(i), Rest: store.Lifetime{Left: uint32(n & 8)}}})
		case 2:
			b.Message(&store.Message{ID: 1 + n, Topic: []byte("r/1"), QoS: byte(n % 3), Expiry: store.Lifetime{Left: uint32(n)}})
		case 3:
			b.Message(&store.Message{ID: 1 + n, Topic: topic})
		case 4, 5:
			b.Enqueue(1+n, []store.Delivery{{Session: id, Seq: uint64(i), QoS: byte(n % 3), Shared: n&8 != 0}})
		case 6:
			b.Enqueue(1, []store.Delivery{{Session: id, Seq: n, QoS: 2}, {Session: id, Seq: 1 << (4 * n), QoS: 1, SubIDs: make([]uint32, n)}})
		case 7:
			b.Enqueue(1, []store.Delivery{{Session: id, Seq: n, QoS: 2}})
			b.Release(id, n)
		case 8:
			b.Release(id, n)
		case 9:
			b.Receive(id, uint16(1+n))
		case 10, 11:
			b.Subscribe(id, &store.Subscription{Filter: topic, Options: byte(n), ID: uint32(n)})
		case 12:
			b.Meta([]byte{'s', 'e', 'n', 't', '/', byte(id)}, []byte{byte(n)})
		case 13:
			b.Retain(&store.Message{Topic: topic, QoS: byte(n % 3), Payload: topic})
		case 14:
			b.Meta([]byte{'o', 'w', 'n', 'e', 'r', '/', byte(id)}, []byte("\x01tcp://127.0.0.1:0")[:n])
		case 15:
			b.DropSession(id)
			b.Unsubscribe(id, topic)
			b.Ack(id, n)
			b.Complete(id, uint16(1+n))
			b.Unretain(topic)
		}
	}
	return bytes.Clone(b.Bytes())
}

// inFrame makes a whole stream of records.
func inFrame(records []byte) []byte {
	n := uint64(0)
	_ = store.Each(records, new(store.Record), func(*store.Record) error { n++; return nil })
	b := []byte("PNSTKREC\x01")
	if len(records) > 0 {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(records)))
		b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(records, crc32.MakeTable(crc32.Castagnoli)))
		b = append(b, records...)
	}
	b = append(b, make([]byte, 8)...)
	return binary.LittleEndian.AppendUint64(b, n)
}

// come connects as a client of the state, takes what there is for it, and goes.
func come(t *testing.T, addr, id string) {
	t.Helper()
	p := mqtt.Connect{Version: mqtt.V5, ClientID: []byte(id)}
	p.Props.SessionExpiry = 10
	p.Props.Set(mqtt.PropSessionExpiry)
	if len(id) > 65535 {
		return
	}
	w := newWire(t, "tcp", addr, mqtt.V5)
	defer w.Close()
	w.say(p.AppendTo(nil))
	_, _ = w.Write(mqtt.AppendPingreq(nil))
	buf := make([]byte, 4096)
	for {
		_ = w.SetReadDeadline(time.Now().Add(20 * time.Second))
		n, err := w.Read(buf)
		if err == io.EOF || n >= 2 && buf[n-2] == byte(mqtt.PINGRESP)<<4 && buf[n-1] == 0 {
			return
		}
		if err != nil {
			t.Fatalf("client %q: %v", id, err)
		}
	}
}

// aState is the records of a broker with some of everything.
func aState() []byte {
	var b store.Batch
	b.Meta([]byte(ticketMeta+"tls"), make([]byte, 64))
	b.Retain(&store.Message{Topic: []byte("r/1"), QoS: 1, Props: []byte{3, 0, 1, 'x'}, Payload: []byte("p"), Expiry: store.Lifetime{Left: 10}})
	b.Session(&store.Session{
		ID: 1, ClientID: []byte("one"), Principal: []byte("p"), Username: []byte("u"), Version: 5, Online: true, Expiry: 1000,
		Rest: store.Lifetime{Left: 9}, HasWill: true,
		Will: store.Will{Topic: []byte("r/will"), Payload: []byte("w"), QoS: 1, Retain: true, Delay: 3, HasExpiry: true, Expiry: 5, Rest: store.Lifetime{Left: 2}},
	})
	b.Meta([]byte(ownerMeta+"\x01"), []byte("\x01tcp://127.0.0.1:0"))
	b.Subscribe(1, &store.Subscription{Filter: []byte("r/#"), Options: 2, ID: 7})
	b.Subscribe(1, &store.Subscription{Filter: []byte("$share/g/r/+"), Options: 1})
	b.Receive(1, 5)
	b.Message(&store.Message{ID: 2})
	b.Enqueue(2, []store.Delivery{{Session: 1, Seq: 3, QoS: 2}})
	b.Release(1, 3)
	b.Meta([]byte(sentMeta+"\x01"), []byte{2})
	for seq := uint64(4); seq < 8; seq++ {
		b.Message(&store.Message{ID: seq, Topic: []byte("r/x"), QoS: 2, Payload: []byte("y")})
		b.Enqueue(seq, []store.Delivery{{Session: 1, Seq: seq, QoS: byte(1 + seq%2), Shared: seq == 7, SubIDs: []uint32{7, 9}[:seq%3]}})
	}
	b.Session(&store.Session{ID: 9, ClientID: []byte("ghost"), Version: 4, Online: true, HasWill: true, Will: store.Will{Topic: []byte("r/ghost"), Rest: store.Lifetime{Left: 20}}})
	b.Session(&store.Session{ID: 10, ClientID: []byte("two"), Version: 3, Expiry: 1<<32 - 1})
	b.Subscribe(10, &store.Subscription{Filter: []byte("$share/g/r/+"), Options: 2})
	return bytes.Clone(b.Bytes())
}
