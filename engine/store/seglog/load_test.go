package seglog_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
)

// body is the payload of a message, known from its number.
func body(id uint64) string { return fmt.Sprintf("message %d %0300d", id, id) }

// TestLoadsFindTheirMessagesWhileTheyAreMoved reads messages that live long while others come and go, so that reclaim moves them
// from segment to segment and removes the files they were in.
func TestLoadsFindTheirMessagesWhileTheyAreMoved(t *testing.T) {
	o := seglog.Options{Dir: t.TempDir(), SegmentSize: small, Sync: seglog.SyncNone, Logger: logger(t)}
	g := recovered(t, o)
	const kept = 40
	write := func(b *store.Batch, id uint64) {
		b.Message(&store.Message{ID: id, Topic: []byte("t"), Payload: []byte(body(id)), QoS: 1})
		b.Enqueue(id, []store.Delivery{{Session: 1, Seq: id, QoS: 1}})
	}
	commit(t, g, func(b *store.Batch) {
		b.Session(&store.Session{ID: 1})
		for id := uint64(1); id <= kept; id++ {
			write(b, id)
		}
	})
	stop := make(chan struct{})
	var readers sync.WaitGroup
	loads := make([]int, 2)
	for n := range loads {
		readers.Go(func() {
			r := rand.New(rand.NewPCG(uint64(n), 0))
			for {
				select {
				case <-stop:
					return
				default:
				}
				refs := []store.Ref{store.Ref(1 + r.Uint64N(kept)), store.Ref(1 + r.Uint64N(kept)), 1 << 40}
				done := make(chan error, 1)
				g.Load(refs, func(m []store.Message, err error) {
					if err == nil && (string(m[0].Payload) != body(uint64(refs[0])) || m[1].ID != uint64(refs[1]) || m[2].ID != 0) {
						err = fmt.Errorf("loaded %d, %d and %d instead of %v", m[0].ID, m[1].ID, m[2].ID, refs)
					}
					done <- err
				})
				if err := answer(t, done); err != nil {
					t.Error(err)
					return
				}
				loads[n]++
			}
		})
	}
	for id := uint64(kept + 1); id < kept+2000; id++ {
		commit(t, g, func(b *store.Batch) { write(b, id); b.Ack(1, id) })
	}
	close(stop)
	readers.Wait()
	s := g.Stats()
	if s.Reclaimed < 10 || s.CopiedBytes < kept*300 || loads[0]+loads[1] == 0 {
		t.Errorf("got %d segments reclaimed, %d bytes copied, %v loads, want many", s.Reclaimed, s.CopiedBytes, loads)
	}
	shut(t, g)
}

func TestALoadWaitsForItsCommitButNotForOthers(t *testing.T) {
	m, o := disk(t, 8, true)
	g := recovered(t, o)
	commit(t, g, func(b *store.Batch) { b.Session(&store.Session{ID: 1}); publish(1)(b) })
	m.SetCapacity(0) // what comes now waits
	var b store.Batch
	big := store.Message{ID: 2, Topic: []byte("t"), Payload: make([]byte, 9000)}
	b.Message(&big)
	b.Enqueue(2, []store.Delivery{{Session: 1, Seq: 2, QoS: 1}})
	committed := appended(g, &b)
	load := func(id store.Ref) chan store.Message {
		got := make(chan store.Message, 1)
		g.Load([]store.Ref{id}, func(m []store.Message, err error) {
			if err != nil {
				t.Errorf("Load of %d: got %v", id, err)
				got <- store.Message{}
				return
			}
			got <- m[0]
		})
		return got
	}
	second, first := load(2), load(1)
	if got := <-first; got.ID != 1 {
		t.Errorf("got message %d, want 1", got.ID)
	}
	if len(second) > 0 {
		t.Errorf("message 2 was loaded before it was committed")
	}
	m.SetCapacity(100 * small)
	if err := answer(t, committed); err != nil {
		t.Fatal(err)
	}
	if got := <-second; got.ID != 2 || len(got.Payload) != 9000 {
		t.Errorf("got message %d of %d bytes, want 2 of 9000", got.ID, len(got.Payload))
	}
	shut(t, g)
}
