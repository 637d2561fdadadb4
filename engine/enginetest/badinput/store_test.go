package badinput

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// While the store commits nothing, what a client asks for without end is not read without end. No answer is lost.
func TestAnswersThatWaitForTheStoreAreBounded(t *testing.T) {
	m := store.NewDelayedMemory()
	b := rig.Start(t, rig.Config(2), engine.Parts{Store: m})
	t.Cleanup(m.Run) // the broker's end waits for the store
	n := settle(t, b)
	c := connectAs(t, b, mqtt.V311, &mqtt.Connect{ClientID: []byte("c")})
	question := (&mqtt.Subscribe{ID: 1, Filters: []mqtt.Subscription{{Filter: []byte("a"), Options: 1}}}).AppendTo(nil, c.V, 0)
	var flood []byte
	for range 4096 {
		flood = append(flood, question...)
	}
	asked := pour(t, c, flood, func() bool { return b.Inventory().Frames > 1000 }) / len(question)
	const read, most = 64 << 10, 4096 // answers, and those to what was read at a time
	if got := b.Inventory().Frames; got > most+read/int64(len(question)) {
		t.Errorf("answers that wait: got %d, want at most %d", got, most+read/len(question))
	}
	n.leave()
	m.Run()
	for k := range asked {
		if h, _, err := c.Next(rig.Patience); err != nil || h.Type != mqtt.SUBACK {
			t.Fatalf("answer %d of %d: got %v, %v, want SUBACK", k+1, asked, h.Type, err)
		}
	}
}

// A session that is on its way to another loop, and is held up by the store, keeps no more than one that has arrived.
func TestMessagesForASessionOnItsWayAreBounded(t *testing.T) {
	m := store.NewDelayedMemory()
	cfg := rig.Config(2)
	cfg.Session.MaxQueuedMessages = 1000
	where := loops{}
	b := rig.Start(t, cfg, engine.Parts{Store: m, Hooks: &engine.Hooks{Connected: where.note}})
	t.Cleanup(m.Run)
	n := settle(t, b)
	c := connectAs(t, b, mqtt.V311, &mqtt.Connect{ClientID: []byte("c")})
	write(t, c, (&mqtt.Subscribe{ID: 1, Filters: []mqtt.Subscription{{Filter: []byte("flood")}}}).AppendTo(nil, c.V, 0))
	if !rig.Eventually(func() bool {
		m.Step(m.Waiting())
		h, _, err := c.Next(10 * time.Millisecond)
		return err == nil && h.Type == mqtt.SUBACK
	}) {
		t.Fatal("no SUBACK after all commits")
	}
	// The next connection goes to the loop with fewer of them: that is to be the other one.
	for i := 0; where.conns(where.of("c")) <= where.conns(1-where.of("c")); i++ {
		connect(t, b, mqtt.V311, fmt.Sprint("filler", i))
	}
	next := dial(t, b, mqtt.V311)
	write(t, next, (&mqtt.Connect{Version: mqtt.V311, ClientID: []byte("c")}).AppendTo(nil))
	if !rig.Eventually(func() bool { return b.Inventory().Moving > 0 }) {
		t.Fatalf("no session is on its way: %+v", b.Inventory())
	}
	flood(t, connect(t, b, mqtt.V311, "pub"), "flood", 0, 20000, 100)
	if got := b.Inventory().Messages; got > int64(cfg.Session.MaxQueuedMessages)+100 {
		t.Errorf("messages that wait for the session: got %d, want at most %d", got, cfg.Session.MaxQueuedMessages)
	}
	if b.Stats().Dropped["queue_full"] == 0 {
		t.Errorf("dropped: got %v, want some for the full queue", b.Stats().Dropped)
	}
	n.leave()
	m.Run()
	want(t, next, mqtt.CONNACK)
	want(t, next, mqtt.PUBLISH)
}

// loops knows on which loop clients are.
type loops struct{ m sync.Map }

func (l *loops) note(c engine.ClientInfo) { l.m.Store(c.ClientID, c.Loop) }

func (l *loops) of(id string) int {
	loop, _ := l.m.Load(id)
	return loop.(int)
}

func (l *loops) conns(loop int) (n int) {
	l.m.Range(func(_, on any) bool {
		if on == loop {
			n++
		}
		return true
	})
	return n
}
