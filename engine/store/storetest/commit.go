package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// tracked is one append under watch.
type tracked struct {
	returned atomic.Bool // Append has returned
	calls    atomic.Int32
}

// doneOrder appends many batches in one go and watches their dones.
func doneOrder(h *harness) {
	const n = 500
	appends := make([]tracked, n)
	var mu sync.Mutex
	var order []int // as committed, by done or by answer
	var batches [n]store.Batch
	batches[0].Session(ses(1))
	all := make(chan error, n)
	for i := range n {
		send(&batches[i], uint64(i+1), to(1, uint64(i+1)))
		mu.Lock() // a done that came from inside Append would wait for ever, and the test says where
		committed := h.s.Append(&batches[i], func(err error) {
			appends[i].calls.Add(1)
			if err != nil {
				h.Errorf("batch %d: got %v, want nil", i, err)
			}
			mu.Lock()
			defer mu.Unlock()
			if !appends[i].returned.Load() {
				h.Errorf("batch %d: done was called before Append returned", i)
			}
			order = append(order, i)
			all <- nil
		})
		appends[i].returned.Store(true)
		if committed {
			order = append(order, i)
			all <- nil
		}
		mu.Unlock()
	}
	for range n {
		h.wait("commits", all)
	}
	h.shut()
	for i, at := range order {
		if i != at {
			h.Fatalf("batch %d was committed in place %d", at, i)
		}
	}
	for i := range appends {
		if got := appends[i].calls.Load(); got > 1 {
			h.Errorf("batch %d: done was called %d times", i, got)
		}
	}
	if len(order) != n {
		h.Errorf("got %d commits told, want %d", len(order), n)
	}
	h.s = h.reopen()
	if got := len(h.live()); got != 2*n+1 {
		h.Errorf("recovered %d records, want %d", got, 2*n+1)
	}
}

// appendAtOnce has several loops append; each checks the order of its own dones.
func appendAtOnce(h *harness) {
	const loops, n = 6, 200
	var wg sync.WaitGroup
	for loop := range uint64(loops) {
		wg.Go(func() {
			session := loop + 1
			var last atomic.Int64
			finished := make(chan error, 2)
			for i := range n {
				b := new(store.Batch)
				if i == 0 {
					b.Session(ses(session))
				}
				id := session*1000 + uint64(i)
				send(b, id, to(session, uint64(i)))
				if i > 0 {
					b.Ack(session, uint64(i-1))
				}
				told := func(err error) {
					if err != nil || last.Load() != int64(i) {
						h.Errorf("loop %d: batch %d was told after %d, with %v", loop, i, last.Load()-1, err)
					}
					if last.Add(1) == n {
						finished <- nil
					}
				}
				if h.s.Append(b, told) {
					told(nil)
				}
			}
			<-finished
		})
	}
	wg.Wait()
	var want []string
	for s := uint64(1); s <= loops; s++ {
		want = append(want, msgLine(s*1000+n-1))
	}
	for s := uint64(1); s <= loops; s++ {
		want = append(want, sesLine(s), enqLine(s*1000+n-1, s, n-1))
	}
	h.wantAfterRestart(want...)
}

func batchIsReturned(h *harness) {
	var b store.Batch
	done := make(chan error, 2)
	for i := uint64(1); i <= 50; i++ {
		b.Reset()
		if i == 1 {
			b.Session(ses(1))
		}
		send(&b, i, to(1, i))
		if !h.s.Append(&b, func(err error) { done <- err }) {
			h.wait("commit", done)
		}
	}
	b.Reset()
	b.Meta([]byte("k"), make([]byte, 10000)) // writes over what the batches held
	want := []string{}
	for i := uint64(1); i <= 50; i++ {
		if got := h.load(store.Ref(i)); text(&store.Record{Kind: store.MSG, Message: got[0]}) != msgLine(i) {
			h.Errorf("message %d: got %+v, want it as it was", i, got[0])
		}
	}
	var b2 store.Batch
	b2.DropSession(1)
	h.s.Append(&b2, nil) // nobody wants to know
	h.wantAfterRestart(want...)
}

func load(h *harness) {
	h.commit(func(b *store.Batch) {
		b.Session(ses(1))
		for id := uint64(1); id <= 5; id++ {
			send(b, id, to(1, id))
		}
	})
	h.commit(func(b *store.Batch) { b.Ack(1, 2) })
	for round := range 2 {
		got := h.load(5, 1, 2, 99, 1)
		for i, want := range []uint64{5, 1, 0, 0, 1} {
			line := text(&store.Record{Kind: store.MSG, Message: got[i]})
			if want == 0 && got[i].ID != 0 || want != 0 && line != msgLine(want) {
				h.Errorf("round %d: message %d of the answer: got %s, want message %d", round, i, line, want)
			}
		}
		if got := h.load(); len(got) != 0 {
			h.Errorf("Load of nothing: got %d messages", len(got))
		}
		h.restart()
	}
}

func closeCommits(h *harness) {
	var called atomic.Int32
	owed := int32(0)
	want := []string{}
	for id := uint64(1); id <= 100; id++ {
		b := new(store.Batch)
		b.Session(ses(id))
		want = append(want, sesLine(id))
		if !h.s.Append(b, func(error) { called.Add(1) }) {
			owed++
		}
	}
	h.shut()
	if got := called.Load(); got != owed {
		h.Errorf("when Close returned: got %d dones, want %d", got, owed)
	}
	h.s = h.reopen()
	h.compare(h.live(), want)
}

func recoverStops(h *harness) {
	h.commit(func(b *store.Batch) {
		for id := uint64(1); id <= 10; id++ {
			b.Session(ses(id))
		}
	})
	h.shut()
	h.s = h.reopen()
	stop, n := errors.New("stop"), 0
	err := h.s.Recover(context.Background(), func(*store.Record) error {
		if n++; n == 3 {
			return fmt.Errorf("in visit: %w", stop)
		}
		return nil
	})
	if !errors.Is(err, stop) || n != 3 {
		h.Errorf("Recover: got %v after %d visits, want the error of the third", err, n)
	}
	h.shut()
	h.s = h.reopen()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := h.s.Recover(ctx, func(*store.Record) error { return nil }); !errors.Is(err, context.Canceled) {
		h.Errorf("Recover with its context over: got %v, want canceled", err)
	}
	h.shut()
	h.s = h.reopen()
	if got := len(h.live()); got != 10 {
		h.Errorf("then recovered %d records, want 10", got)
	}
}
