package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// closeLate closes a store that has no time left for what was appended.
func closeLate(h *harness) {
	const n = 50
	var mu sync.Mutex
	var told [n]error
	var order []int
	tell := func(i int, err error) {
		mu.Lock()
		defer mu.Unlock()
		told[i] = err
		order = append(order, i)
	}
	for i := range n {
		b := new(store.Batch)
		b.Session(ses(uint64(i + 1)))
		if h.s.Append(b, func(err error) { tell(i, err) }) {
			tell(i, nil)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := h.s.Close(ctx); err != nil && !errors.Is(err, context.Canceled) {
		h.Errorf("Close with its context over: got %v, want canceled or nil", err)
	}
	mu.Lock()
	defer mu.Unlock()
	committed := 0
	for i, at := range order {
		switch err := told[i]; {
		case i != at:
			h.Fatalf("batch %d was told in place %d", at, i)
		case err == nil && committed < i:
			h.Errorf("batch %d was committed after batch %d was not", i, committed)
		case err == nil:
			committed++
		case !errors.Is(err, store.ErrClosed):
			h.Errorf("batch %d: got %v, want ErrClosed", i, err)
		}
	}
	if len(order) != n {
		h.Errorf("when Close returned: got %d batches told, want all %d", len(order), n)
	}
	h.s = h.reopen()
	if got := h.live(); len(got) < committed {
		h.Errorf("recovered %d sessions, want the %d that were committed", len(got), committed)
	}
}

func afterClose(h *harness) {
	h.commit(func(b *store.Batch) { b.Session(ses(1)) })
	h.shut()
	const n = 20
	var mu sync.Mutex
	var order []int
	done := make(chan error, n)
	for i := range n {
		b := new(store.Batch)
		b.Session(ses(2))
		mu.Lock() // a done from inside Append would wait for ever
		if h.s.Append(b, func(err error) {
			mu.Lock()
			order = append(order, i)
			mu.Unlock()
			done <- err
		}) {
			h.Fatal("Append after Close: got committed")
		}
		mu.Unlock()
	}
	for i := range n {
		if err := h.err("Append after Close", done); !errors.Is(err, store.ErrClosed) {
			h.Errorf("Append after Close: got %v, want ErrClosed", err)
		}
		mu.Lock()
		if order[i] != i {
			h.Errorf("Append after Close: batch %d was told in place %d", order[i], i)
		}
		mu.Unlock()
	}
	h.s.Load([]store.Ref{1}, func(_ []store.Message, err error) { done <- err })
	if err := h.err("Load after Close", done); !errors.Is(err, store.ErrClosed) {
		h.Errorf("Load after Close: got %v, want ErrClosed", err)
	}
	h.s.Append(new(store.Batch), nil) // nobody wants to know
	h.shut()                          // once more
	h.s = h.reopen()
	h.compare(h.live(), []string{sesLine(1)})
}

// recoverAgain opens the same store several times.
func recoverAgain(h *harness) {
	want := []string{}
	for id := uint64(1); id <= 3; id++ {
		h.commit(func(b *store.Batch) { b.Session(ses(id)) })
		want = append(want, sesLine(id))
		h.shut()
		h.compare(h.live(), want)
	}
	h.shut()
	stop := errors.New("stop")
	if err := h.s.Recover(context.Background(), func(*store.Record) error { return fmt.Errorf("in visit: %w", stop) }); !errors.Is(err, stop) {
		h.Errorf("Recover: got %v, want the error of the visit", err)
	}
	h.shut()
	h.compare(h.live(), want)
	h.wantAfterRestart(want...)
}

// nothing appends batches without records among others.
func nothing(h *harness) {
	const n = 60
	done := make(chan error, n)
	var mu sync.Mutex
	var order []int
	for i := range n {
		b := new(store.Batch)
		if i%3 == 0 {
			b.Session(ses(uint64(i + 1)))
		}
		tell := func(err error) {
			mu.Lock()
			order = append(order, i)
			mu.Unlock()
			done <- err
		}
		if h.s.Append(b, tell) {
			tell(nil)
		}
	}
	for range n {
		h.wait("commit", done)
	}
	for i, at := range order {
		if i != at {
			h.Fatalf("batch %d was told in place %d", at, i)
		}
	}
	if got := len(h.restart()); got != n/3 {
		h.Errorf("recovered %d sessions, want %d", got, n/3)
	}
}

// loadFindsAppended loads what is not committed yet, or only just.
func loadFindsAppended(h *harness) {
	h.commit(func(b *store.Batch) { b.Session(ses(1)) })
	for id := uint64(1); id <= 30; id++ {
		b := new(store.Batch)
		send(b, id, to(1, id))
		if id > 1 {
			b.Ack(1, id-1)
		}
		h.s.Append(b, nil)
		if got := h.load(store.Ref(id)); got[0].ID != id {
			h.Errorf("Load of message %d right after it was appended: got %+v", id, got[0])
		}
	}
	if got := h.load(29, 30); got[0].ID != 0 || got[1].ID != 30 {
		h.Errorf("Load of messages 29 and 30: got %d and %d, want 0 and 30", got[0].ID, got[1].ID)
	}
}
