package crashtest

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// writer appends what its model says to a store and watches what the store says to it.
type writer struct {
	*Subject
	st     store.Store
	m      *model
	told   func(position uint64) // each confirmation, in order; may be nil
	struck func() bool           // tells that the disk has failed, so that what is appended now must fail; may be nil
	window chan struct{}         // a place for each append that waits

	mu        sync.Mutex
	first     uint64 // position of the first batch
	heard     uint64 // position of the last batch that was told about
	confirmed uint64 // position of the last one without an error
	appended  uint64
	failure   error // the first that was told
	wrong     error // the first thing that must not be
	live      map[uint64]bool
	born      map[uint64]uint64 // the batch that each message came with
	missed    map[uint64]bool   // messages that a load did not find
	loads     sync.WaitGroup
	failed    chan struct{} // closed with failure or wrong
	durable   []stand
	floor     uint64 // the highest position that Stats says is on the disk
}

// stand is a position that was confirmed when this frame was the last one.
type stand struct{ position, lsn uint64 }

// newWriter begins at a model's position, with so many appends at once.
func newWriter(s *Subject, st store.Store, m *model, window int) *writer {
	w := &writer{Subject: s, st: st, m: m, window: make(chan struct{}, window), first: m.position + 1, heard: m.position,
		confirmed: m.position, appended: m.position, live: map[uint64]bool{}, born: map[uint64]uint64{}, missed: map[uint64]bool{},
		failed: make(chan struct{})}
	w.follow()
	return w
}

// run appends batches until the store fails or stop is closed. It does not wait for the last of them.
func (w *writer) run(batches int, stop <-chan struct{}) error {
	for range batches {
		select {
		case w.window <- struct{}{}:
		case <-w.failed:
			return w.verdict()
		case <-stop:
			return w.verdict()
		case <-time.After(w.patience()):
			return violated("batch %d: nothing is committed for %v; pressure %v", w.m.position, w.patience(), w.st.Pressure())
		}
		w.append()
		if w.m.position%8 == 0 {
			w.load()
			w.look()
		}
	}
	return w.verdict()
}

// one appends a batch, waits until it is confirmed, and gives its bytes.
func (w *writer) one() ([]byte, error) {
	w.window <- struct{}{}
	b := w.append()
	if err := w.settle(nil); err != nil {
		return nil, err
	}
	if _, _, failure := w.stands(); failure != nil {
		return nil, violated("batch %d: got %v, want it to be committed", w.m.position, failure)
	}
	return bytes.Clone(b.Bytes()), nil
}

func (w *writer) append() *store.Batch {
	b := new(store.Batch)
	w.m.next(b)
	position := w.m.position
	w.mu.Lock()
	w.appended = position
	w.follow()
	w.mu.Unlock()
	lost := w.struck != nil && w.struck()
	done := func(err error) {
		if err == nil && lost {
			err = violated("batch %d was confirmed, and the disk had failed before it was appended", position)
		}
		w.done(position, err)
	}
	if w.st.Append(b, done) {
		done(nil)
	}
	return b
}

// follow knows which messages a load must find.
func (w *writer) follow() {
	clear(w.live)
	for id := range w.m.messages {
		w.live[id] = true
		if w.born[id] == 0 {
			w.born[id] = w.m.position
		}
	}
}

// done is told that a batch is committed or lost.
func (w *writer) done(position uint64, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case position != w.heard+1:
		w.blame(violated("batch %d was told about after %d", position, w.heard))
	case err == nil && w.failure != nil:
		w.blame(violated("batch %d was confirmed after another had failed with %v", position, w.failure))
	}
	w.heard = position
	if v := (*violation)(nil); errors.As(err, &v) {
		w.blame(v)
	}
	switch {
	case err == nil:
		w.confirmed = position
		if w.told != nil {
			w.told(position)
		}
	case w.failure == nil:
		w.failure = err
		w.end()
	}
	select {
	case <-w.window:
	default:
		w.blame(violated("batch %d was told about too often", position))
	}
}

func (w *writer) blame(err error) {
	if w.wrong == nil {
		w.wrong = err
		w.end()
	}
}

func (w *writer) end() {
	select {
	case <-w.failed:
	default:
		close(w.failed)
	}
}

func (w *writer) verdict() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wrong
}

// stands gives what the store has promised, and the first error that it has told.
func (w *writer) stands() (confirmed, floor uint64, failure error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.confirmed, w.floor, w.failure
}

// load asks for some messages. One that is there still when the answer comes must be in it.
func (w *writer) load() {
	var refs []store.Ref
	want := map[uint64]string{}
	for id, msg := range w.m.messages {
		refs = append(refs, store.Ref(id))
		if want[id] = msg.record; len(refs) == 4 {
			break
		}
	}
	w.loads.Add(1)
	w.st.Load(refs, func(got []store.Message, err error) {
		defer w.loads.Done()
		if err != nil {
			return // the store has failed, or was closed
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(got) != len(refs) {
			w.blame(violated("Load of %d messages gave %d", len(refs), len(got)))
			return
		}
		for i, ref := range refs {
			if err := w.loaded(uint64(ref), &got[i], want); err != nil {
				w.blame(err)
			}
		}
	})
}

func (w *writer) loaded(id uint64, got *store.Message, want map[uint64]string) error {
	if got.ID == 0 { // which it may be if its batch is going to fail
		w.missed[id] = w.live[id]
		return nil
	}
	var b store.Batch
	b.Message(got)
	if string(b.Bytes()) != want[id] {
		return violated("Load of message %d: it is another one, with ID %d", id, got.ID)
	}
	return nil
}

// look sees how far the store says that it is on the disk.
func (w *writer) look() {
	o, ok := w.st.(store.Observed)
	if !ok {
		return
	}
	w.mu.Lock()
	confirmed := w.confirmed
	w.mu.Unlock()
	stats := o.Stats() // behind confirmed: those batches are in frames up to its LSN
	w.mu.Lock()
	defer w.mu.Unlock()
	w.durable = append(w.durable, stand{confirmed, stats.LSN})
	for len(w.durable) > 0 && w.durable[0].lsn <= stats.DurableLSN {
		w.floor = max(w.floor, w.durable[0].position)
		w.durable = w.durable[1:]
	}
}

// settle waits until all appends were told about, or stop is closed.
func (w *writer) settle(stop <-chan struct{}) error {
	deadline := time.After(w.patience())
	taken := 0
	defer func() {
		for range taken {
			<-w.window
		}
	}()
	for ; taken < cap(w.window); taken++ {
		select {
		case w.window <- struct{}{}:
		case <-stop:
			return w.verdict()
		case <-deadline:
			return violated("after batch %d: dones are owed for %v; pressure %v", w.m.position, w.patience(), w.st.Pressure())
		}
	}
	w.look()
	return w.verdict()
}

// close closes the store and sees that every append and load was answered.
func (w *writer) close() error {
	if err := w.shut(w.st); err != nil {
		return violated("%v", err)
	}
	w.batches.Add(w.m.position + 1 - w.first)
	if o, ok := w.st.(store.Observed); ok {
		w.reclaimed.Add(o.Stats().Reclaimed)
	}
	if err := w.settle(nil); err != nil {
		return err
	}
	answered := make(chan struct{})
	go func() { w.loads.Wait(); close(answered) }()
	if err := w.within("loads when the store is closed", answered); err != nil {
		return violated("%v", err)
	}
	w.mu.Lock()
	for id, missed := range w.missed {
		if missed && w.born[id] <= w.confirmed {
			w.blame(violated("Load of message %d of batch %d: it was not there", id, w.born[id]))
		}
	}
	w.mu.Unlock()
	return w.verdict()
}

func (w *writer) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return fmt.Sprintf("batches %d to %d, confirmed %d", w.first, w.appended, w.confirmed)
}
