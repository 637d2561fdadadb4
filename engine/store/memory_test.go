package store_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/storetest"
)

func TestMemoryIsAStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (store.Store, func() store.Store) {
		m := store.NewMemory()
		return m, func() store.Store { m = m.Reopen(); return m }
	})
}

// stepping is a delayed Memory that commits a few at a time on its goroutine, as a log does.
type stepping struct {
	*store.Memory
	kick chan struct{}
}

func (s stepping) Append(b *store.Batch, done func(error)) bool {
	defer s.kicked()
	return s.Memory.Append(b, done)
}

func (s stepping) Load(refs []store.Ref, done func([]store.Message, error)) {
	defer s.kicked()
	s.Memory.Load(refs, done)
}

func (s stepping) kicked() {
	select {
	case s.kick <- struct{}{}:
	default: // one is on its way
	}
}

func TestMemoryIsAStoreThroughItsGoroutineToo(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (store.Store, func() store.Store) {
		s := stepping{store.NewDelayedMemory(), make(chan struct{}, 1)}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for range s.kick {
				for s.Waiting() > 0 {
					s.Step(3)
				}
			}
		}()
		t.Cleanup(func() { close(s.kick); <-ended })
		last := s.Memory
		return s, func() store.Store { last = last.Reopen(); return last }
	})
}

func session(id uint64) *store.Batch {
	b := new(store.Batch)
	b.Session(&store.Session{ID: id})
	return b
}

// sessions lists the IDs a store has committed.
func sessions(t *testing.T, m *store.Memory) (ids []uint64) {
	t.Helper()
	if err := m.Recover(t.Context(), func(r *store.Record) error { ids = append(ids, r.Session.ID); return nil }); err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestADelayedMemoryCommitsStepByStep(t *testing.T) {
	m := store.NewDelayedMemory()
	var got []uint64
	for id := uint64(1); id <= 4; id++ {
		if m.Append(session(id), func(error) { got = append(got, id) }) {
			t.Fatalf("batch %d: got committed, want it to wait", id)
		}
	}
	for _, want := range [][]uint64{nil, {1}, {1, 2, 3}} {
		m.Step(len(want) - len(got))
		if !slices.Equal(got, want) || !slices.Equal(sessions(t, m), want) || m.Waiting() != 4-len(want) {
			t.Errorf("got %v told, %v committed, %d waiting, want %v, the same and %d", got, sessions(t, m), m.Waiting(), want, 4-len(want))
		}
	}
	m.Run()
	if !slices.Equal(got, []uint64{1, 2, 3, 4}) {
		t.Errorf("after Run: got %v, want 1 to 4", got)
	}
	if !m.Append(session(5), nil) {
		t.Error("after Run: a batch does not commit at once")
	}
}

func TestALoadWaitsBehindTheCommitsBeforeIt(t *testing.T) {
	m := store.NewDelayedMemory()
	b := session(1)
	b.Message(&store.Message{ID: 7, Topic: []byte("t")})
	b.Enqueue(7, []store.Delivery{{Session: 1, Seq: 1, QoS: 1}})
	m.Append(b, nil)
	var got []store.Message
	m.Load([]store.Ref{7}, func(msgs []store.Message, err error) { got = msgs })
	if m.Step(1); got != nil {
		t.Error("the load did not wait for its step")
	}
	if m.Step(1); len(got) != 1 || got[0].ID != 7 {
		t.Errorf("got %+v, want message 7", got)
	}
}

func TestWhatWaitsIsLostByACrash(t *testing.T) {
	m := store.NewDelayedMemory()
	m.Append(session(1), nil)
	m.Step(1)
	m.Append(session(2), func(error) { t.Error("a lost batch was told") })
	if got := sessions(t, m.Reopen()); !slices.Equal(got, []uint64{1}) {
		t.Errorf("got sessions %v, want 1", got)
	}
	m.Run()
}

func TestAFailedMemoryCommitsNothing(t *testing.T) {
	m, broken := store.NewMemory(), errors.New("disk is gone")
	m.Append(session(1), nil)
	m.Fail(broken)
	if got := m.Pressure(); got != store.Failed {
		t.Errorf("Pressure: got %v, want failed", got)
	}
	told := make(chan error, 4)
	for range 2 {
		if m.Append(session(2), func(err error) { told <- err }) {
			t.Error("got committed")
		}
	}
	m.Load([]store.Ref{1}, func(_ []store.Message, err error) { told <- err })
	for range 3 {
		if err := <-told; !errors.Is(err, broken) {
			t.Errorf("got %v, want %v", err, broken)
		}
	}
	if err := m.Close(t.Context()); err != nil {
		t.Errorf("Close: got %v", err)
	}
	if got := sessions(t, m.Reopen()); !slices.Equal(got, []uint64{1}) {
		t.Errorf("reopened: got sessions %v, want 1", got)
	}
}

func TestPressureIsWhatATestSets(t *testing.T) {
	m := store.NewMemory()
	for _, want := range []store.Pressure{store.Slow, store.Full, store.Ok} {
		if m.SetPressure(want); m.Pressure() != want {
			t.Errorf("got %v, want %v", m.Pressure(), want)
		}
	}
}

func TestCloseFailsWhatIsLeftWhenItsTimeIsOver(t *testing.T) {
	m := store.NewDelayedMemory()
	ctx, cancel := context.WithCancel(t.Context())
	var told [2]error
	m.Append(session(1), func(err error) { told[0] = err; cancel() })
	m.Append(session(2), func(err error) { told[1] = err })
	if err := m.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Close: got %v, want canceled", err)
	}
	if told[0] != nil || !errors.Is(told[1], store.ErrClosed) {
		t.Errorf("got %v and %v, want nil and ErrClosed", told[0], told[1])
	}
}

func BenchmarkMemoryAppend(b *testing.B) {
	m := store.NewMemory()
	var batch store.Batch
	batch.Session(&store.Session{ID: 1})
	m.Append(&batch, nil)
	msg := store.Message{ID: 1, Topic: []byte("a/b/c"), Payload: make([]byte, 64), QoS: 1}
	b.ReportAllocs()
	for b.Loop() {
		batch.Reset()
		batch.Message(&msg)
		batch.Enqueue(msg.ID, []store.Delivery{{Session: 1, Seq: msg.ID, QoS: 1}})
		batch.Ack(1, msg.ID)
		m.Append(&batch, nil)
		msg.ID++
	}
}

func BenchmarkEncode(b *testing.B) {
	var batch store.Batch
	msg := store.Message{ID: 1 << 20, Topic: []byte("a/b/c"), Payload: make([]byte, 64), QoS: 1}
	to := []store.Delivery{{Session: 100, Seq: 1 << 20, QoS: 1}}
	b.ReportAllocs()
	for b.Loop() {
		if batch.Len() > 300 {
			batch.Reset()
		}
		batch.Message(&msg)
		batch.Enqueue(msg.ID, to)
		batch.Ack(100, msg.ID)
	}
}
