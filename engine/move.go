package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// State that moves from one keeper to another: from memory into a store, out of a store, or from one store into another,
// because the next process keeps its state elsewhere than the one before.

// HandOverStore writes what the store holds to w, behind what HandOver has written there: for a next process that does
// not open the same store. The store stays as it is.
func (b *Broker) HandOverStore(ctx context.Context, w io.Writer) (err error) {
	b.life.Lock()
	defer b.life.Unlock()
	switch {
	case b.phase != parted:
		return ErrStopped
	case b.parts.Store == nil:
		return nil
	case !b.released:
		return errors.New("engine: the store is still open")
	}
	defer func() {
		if err == nil {
			err = b.parts.Store.Close(ctx)
		}
	}()
	s := store.NewStreamWriter(w)
	if err := b.parts.Store.Recover(ctx, func(r *store.Record) error { s.Batch.Record(r); return s.Flush() }); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return s.Close()
}

// takeOver reads what the process before has left: a stream of what was in no store, and maybe a second one of what its
// store held. What outlives connections is put into our store, if there is one: none of it is acknowledged anew, so
// Start returns when it is there.
func (r *recovery) takeOver(state io.Reader) error {
	r.handed = map[uint64]*store.Message{}
	m := &mover{r: r, to: r.b.parts.Store, names: map[uint64]uint64{}, done: make(chan error, maxMoving)}
	in := bufio.NewReaderSize(state, 64<<10)
	for more := true; more; {
		if err := store.ReadStream(in, m.record); err != nil {
			return fmt.Errorf("state of the process before: %w", err)
		}
		r.again = true // what comes next is of a store, which does not know what is open
		_, err := in.Peek(1)
		more = err == nil
	}
	if err := m.finish(); err != nil {
		return fmt.Errorf("store: keep the state of the process before: %w", err)
	}
	return nil
}

// mover puts what was handed over into the store, under names of ours.
type mover struct {
	r      *recovery
	to     store.Store // nil: there is none
	batch  *store.Batch
	names  map[uint64]uint64 // of messages
	moving int               // batches on their way
	done   chan error
	failed error

	sessions, retained int
}

const (
	moveAtOnce = 256 << 10 // bytes of a batch
	maxMoving  = 8         // batches
)

func (m *mover) record(rec *store.Record) error {
	if err := m.r.record(rec); err != nil || m.to == nil {
		return err
	}
	if m.batch == nil {
		m.batch = &store.Batch{}
	}
	switch rec.Kind {
	case store.RET:
		m.batch.Retain(&rec.Message)
		m.retained++
	case store.SES:
		m.session(rec)
	case store.ENQ:
		for i := range rec.Deliveries {
			m.delivery(rec.Message.ID, rec.Deliveries[i])
		}
	case store.SUB, store.QIN, store.REL:
		m.ofSession(rec)
	}
	if len(m.batch.Bytes()) >= moveAtOnce {
		m.flush()
	}
	return m.failed
}

// session names a session that is to be kept.
func (m *mover) session(rec *store.Record) {
	x := m.r.x
	if !x.s.Persistent() {
		return
	}
	x.s.ID = m.r.b.ids.Add(1)
	m.r.b.slots.SetName(x.s.Slot, x.s.ID)
	kept := rec.Session
	kept.ID = x.s.ID
	m.batch.Session(&kept)
	m.sessions++
}

func (m *mover) ofSession(rec *store.Record) {
	x := m.r.x
	if x.s.ID == 0 {
		return
	}
	switch rec.Kind {
	case store.SUB:
		m.batch.Subscribe(x.s.ID, &rec.Subscription)
	case store.QIN:
		m.batch.Receive(x.s.ID, rec.PacketID)
	case store.REL:
		m.batch.Release(x.s.ID, rec.Seq)
	}
}

// delivery keeps a message with the first delivery that is kept.
func (m *mover) delivery(message uint64, d store.Delivery) {
	x, msg := m.r.x, m.r.handed[message]
	if x.s.ID == 0 || msg == nil {
		return
	}
	name, known := m.names[message]
	if !known {
		name = m.r.b.ids.Add(1)
		m.names[message] = name
		kept := *msg
		kept.ID = name
		m.batch.Message(&kept)
	}
	d.Session = x.s.ID
	m.batch.Enqueue(name, []store.Delivery{d})
}

// flush commits the batch, and waits while too many are on their way.
func (m *mover) flush() {
	b := m.batch
	m.batch = &store.Batch{}
	if !m.to.Append(b, func(err error) { m.done <- err }) {
		m.moving++
	}
	for m.moving >= maxMoving {
		m.land()
	}
}

func (m *mover) land() {
	if err := <-m.done; err != nil && m.failed == nil {
		m.failed = err
	}
	m.moving--
}

// finish waits until all of it is committed.
func (m *mover) finish() error {
	if m.batch != nil && m.batch.Len() > 0 {
		m.flush()
	}
	for m.moving > 0 {
		m.land()
	}
	if m.failed != nil || m.sessions == 0 && m.retained == 0 {
		return m.failed
	}
	log := m.r.b.log
	log.Info("the state of the process before is kept in the store now", "sessions", m.sessions, "retained", m.retained)
	if m.r.old.sessions > 0 || m.r.old.retained > 0 {
		log.Warn("the store held state already: it stays, where the process before has not handed over another",
			"sessions", m.r.old.sessions, "retained", m.r.old.retained)
	}
	return nil
}
