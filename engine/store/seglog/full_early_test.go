package seglog_test

import (
	"fmt"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
	"github.com/penstock-mqtt/penstock/engine/store/vfs/faultfs"
)

// stalled is a log of some sessions and messages on a small disk, with a batch at its front that is larger than the disk.
func stalled(t *testing.T, fill func(*store.Batch)) (m *faultfs.Mem, o seglog.Options, g *seglog.Log, front chan error) {
	m, o = disk(t, 20, false)
	g = recovered(t, o)
	commit(t, g, fill)
	var large store.Batch
	large.Meta([]byte("large"), make([]byte, 40*small))
	front = appended(g, &large)
	await(t, "full", func() bool { return g.Pressure() == store.Full })
	return m, o, g, front
}

func TestAcknowledgementsOvertakeABatchThatThereIsNoRoomFor(t *testing.T) {
	const messages = 200
	twin := store.NewMemory()
	fill := func(b *store.Batch) {
		b.Session(&store.Session{ID: 1})
		b.Session(&store.Session{ID: 2})
		b.Retain(&store.Message{Topic: []byte("r"), Payload: []byte("x")})
		for id := uint64(1); id <= messages; id++ {
			publish(id)(b)
		}
	}
	m, o, g, front := stalled(t, fill)
	var waiting []chan error
	behind := func(write func(*store.Batch)) {
		b := new(store.Batch)
		write(b)
		waiting = append(waiting, appended(g, b))
	}
	for id := uint64(1); id < messages; id++ {
		behind(func(b *store.Batch) { b.Ack(1, id) })
	}
	behind(func(b *store.Batch) { b.DropSession(2); b.Unretain([]byte("r")); b.Complete(1, 1) })
	await(t, "nothing but one message", func() bool {
		s := g.Stats()
		return s.Messages == 1 && s.Deliveries == 1 && s.Sessions == 1 && s.Retained == 0
	})
	if len(front) > 0 || len(waiting[0]) > 0 {
		t.Fatal("got an answer while the batch in front waits, want them in order")
	}
	killed := m.Kill() // what is there if the process ends now
	abandon(t, g)
	again := recovered(t, seglog.Options{Dir: o.Dir, FS: killed, SegmentSize: small, Logger: logger(t)})
	if s := again.Stats(); s.Messages != 1 || s.Deliveries != 1 || s.Sessions != 1 || s.Retained != 0 {
		t.Errorf("after the death of the process: got %d messages, %d deliveries, %d sessions, %d retained, want one of each but retained",
			s.Messages, s.Deliveries, s.Sessions, s.Retained)
	}
	shut(t, again)

	m2, o2, g2, front2 := stalled(t, fill) // the same, and there is room in the end
	var b store.Batch
	fill(&b)
	twin.Append(&b, nil)
	b.Reset()
	b.Meta([]byte("large"), make([]byte, 40*small))
	twin.Append(&b, nil)
	waiting = waiting[:0]
	for id := uint64(1); id < messages; id++ {
		b := new(store.Batch)
		b.Ack(1, id)
		waiting = append(waiting, appended(g2, b))
		twin.Append(b, nil)
	}
	await(t, "one message", func() bool { return g2.Stats().Messages == 1 })
	m2.SetCapacity(200 * small)
	for i, done := range append([]chan error{front2}, waiting...) {
		if err := answer(t, done); err != nil {
			t.Fatalf("batch %d: got %v, want nil", i, err)
		}
	}
	shut(t, g2)
	after := seglog.New(o2)
	compare(t, 0, state(t, after), state(t, twin))
	shut(t, after)
}

// TestWhatABatchAheadSpeaksOfIsNotOvertaken has batches behind the large one that move what later ones take back: a crash must not
// leave the end of it without what it has become.
func TestWhatABatchAheadSpeaksOfIsNotOvertaken(t *testing.T) {
	m, o, g, _ := stalled(t, func(b *store.Batch) {
		for id := uint64(1); id <= 5; id++ {
			b.Session(&store.Session{ID: id, ClientID: fmt.Append(nil, "client ", id)})
		}
		for id := uint64(1); id <= 3; id++ {
			b.Message(&store.Message{ID: id, Topic: []byte("t"), QoS: 1})
		}
		b.Enqueue(1, []store.Delivery{{Session: 1, Seq: 1, QoS: 1}})               // is given to session 2
		b.Enqueue(2, []store.Delivery{{Session: 1, Seq: 2, QoS: 1, Shared: true}}) // is given to session 3 as message 4
		b.Enqueue(3, []store.Delivery{{Session: 1, Seq: 3, QoS: 1}})               // is over
		b.Enqueue(2, []store.Delivery{{Session: 5, Seq: 1, QoS: 1, Shared: true}})
		b.Retain(&store.Message{Topic: []byte("again"), Payload: []byte("1")})
	})
	for _, write := range []func(b *store.Batch){
		func(b *store.Batch) { b.Enqueue(1, []store.Delivery{{Session: 2, Seq: 1, QoS: 1}}) },
		func(b *store.Batch) { b.Ack(1, 1) },
		func(b *store.Batch) {
			b.Message(&store.Message{ID: 4, Topic: []byte("t"), QoS: 1})
			b.Enqueue(4, []store.Delivery{{Session: 3, Seq: 1, QoS: 1, Shared: true}})
		},
		func(b *store.Batch) { b.Ack(1, 2) },
		func(b *store.Batch) { b.DropSession(5) }, // with a shared delivery
		func(b *store.Batch) { b.Session(&store.Session{ID: 4, Expiry: 9}) },
		func(b *store.Batch) { b.DropSession(4) },
		func(b *store.Batch) { b.Retain(&store.Message{Topic: []byte("again"), Payload: []byte("2")}) },
		func(b *store.Batch) { b.Unretain([]byte("again")) },
		func(b *store.Batch) { b.Ack(1, 3) },
	} {
		b := new(store.Batch)
		write(b)
		appended(g, b)
	}
	await(t, "the end of message 3, which comes last", func() bool { return g.Stats().Messages == 2 })
	killed := m.Kill()
	abandon(t, g)
	again := seglog.New(seglog.Options{Dir: o.Dir, FS: killed, SegmentSize: small, Logger: logger(t)})
	twin := store.NewMemory()
	var b store.Batch
	for id := uint64(1); id <= 5; id++ {
		b.Session(&store.Session{ID: id, ClientID: fmt.Append(nil, "client ", id)})
	}
	b.Message(&store.Message{ID: 1, Topic: []byte("t"), QoS: 1})
	b.Message(&store.Message{ID: 2, Topic: []byte("t"), QoS: 1})
	b.Enqueue(1, []store.Delivery{{Session: 1, Seq: 1, QoS: 1}})
	b.Enqueue(2, []store.Delivery{{Session: 1, Seq: 2, QoS: 1, Shared: true}, {Session: 5, Seq: 1, QoS: 1, Shared: true}})
	b.Retain(&store.Message{Topic: []byte("again"), Payload: []byte("1")})
	twin.Append(&b, nil)
	compare(t, 0, state(t, again), state(t, twin))
	shut(t, again)
}

func TestALoadOfWhatIsNotThereIsAnsweredWhileBatchesWaitForRoom(t *testing.T) {
	m, _, g, front := stalled(t, func(b *store.Batch) { b.Session(&store.Session{ID: 1}); publish(1)(b) })
	var b store.Batch
	publish(2)(&b)
	done := appended(g, &b)
	loaded := make(chan []store.Message, 2)
	load := func(refs ...store.Ref) {
		g.Load(refs, func(m []store.Message, err error) {
			if err != nil {
				t.Errorf("Load: got %v, want nil", err)
			}
			loaded <- m
		})
	}
	load(2) // waits: it is on its way
	load(1, 77)
	var got []store.Message
	await(t, "an answer", func() bool {
		select {
		case got = <-loaded:
			return true
		default:
			return false
		}
	})
	if len(got) != 2 || got[0].ID != 1 || got[1].ID != 0 {
		t.Errorf("got %d messages, want message 1 and nothing", len(got))
	}
	m.SetCapacity(200 * small)
	for _, done := range []chan error{front, done} {
		if err := answer(t, done); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "the other answer", func() bool { return len(loaded) == 1 })
	if got := <-loaded; got[0].ID != 2 {
		t.Errorf("got message %d, want 2", got[0].ID)
	}
	shut(t, g)
}
