package crashtest

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
)

// Subject is the store that is tested, and what the harness needs to know about it.
type Subject struct {
	// Open makes a store that is not open yet, as seglog.New.
	Open func(seglog.Options) store.Store
	// Child is the command of a program that calls ChildMain when IsChild, for rounds that kill a process.
	Child []string
	// Dir gives a new directory for real files.
	Dir func() string
	// Thorough takes the time to try what else is drawn at random.
	Thorough bool
	// Patience is how long anything may take that is not told how long; 0: twenty seconds.
	Patience time.Duration

	batches, reclaimed atomic.Uint64 // of all rounds in this process
}

func (s *Subject) patience() time.Duration {
	if s.Patience > 0 {
		return s.Patience
	}
	return 20 * time.Second
}

// within waits for a channel.
func (s *Subject) within(what string, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-time.After(s.patience()):
		return fmt.Errorf("%s: nothing happens for %v", what, s.patience())
	}
}

// shut closes a store. What cannot be committed is not the round's to judge here, but it must come to an end.
func (s *Subject) shut(st store.Store) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.patience())
	defer cancel()
	ended := make(chan struct{})
	go func() { _ = st.Close(ctx); close(ended) }()
	select {
	case <-ended:
	case <-time.After(2 * s.patience()):
		return fmt.Errorf("closing: no return %v after its context was done", s.patience())
	}
	if ctx.Err() != nil {
		return fmt.Errorf("closing: takes longer than %v", s.patience())
	}
	return nil
}

// story is one store over several lives: what was written to it, and what it has promised.
type story struct {
	*Subject
	script
	written   uint64 // batches that were appended, on this script
	floor     uint64 // the position that must be there whatever happens
	confirmed uint64 // the one that must be there if only the process ends
	overtakes bool   // there may be no room, so that what takes back overtakes
}

// open opens a store, and checks what it recovers. Without an error, st is open and at is where its model stands.
func (t *story) open(o seglog.Options) (st store.Store, at *model, err error) {
	st = t.Open(o)
	got, err := collect(st)
	if err == nil {
		at, err = t.explain(got)
	}
	if err != nil {
		if late := t.shut(st); late != nil {
			err = fmt.Errorf("%w; %w", err, late)
		}
		return nil, nil, err
	}
	return st, at, nil
}

// explain gives the model that a state is that of, at a position that was written and not before what was promised.
func (t *story) explain(got state) (*model, error) {
	position, err := t.position(got)
	if err != nil {
		return nil, err
	}
	if position < t.floor || position > t.written {
		return nil, violated("recovered position %d, want between %d, which was promised, and %d, which was written", position, t.floor, t.written)
	}
	m := t.at(position)
	diff := got.differences(m.state())
	if diff != "" && t.overtakes {
		m.takeBack(slices.Concat(m.gone, t.overtaken(position, got, m.state())))
		diff = got.differences(m.state())
	}
	if diff != "" {
		return nil, violated("at position %d: %s", position, diff)
	}
	return m, nil
}

// position reads where a state stands.
func (s script) position(got state) (uint64, error) {
	mark, ok := got.note("position")
	if !ok {
		if len(got) > 0 {
			return 0, violated("recovered %d records and no position", len(got))
		}
		return 0, nil
	}
	var n, seed uint64
	if _, err := fmt.Sscanf(mark, "%d of %x", &n, &seed); err != nil || mark != s.mark(n) {
		return 0, violated("recovered position %q, which was lost before", mark)
	}
	return n, nil
}

// reopened takes account of what was recovered: the script goes on from there with other batches.
func (t *story) reopened(at *model, seed uint64) {
	t.script = t.from(at.position, seed)
	t.legs[len(t.legs)-1].Gone = at.gone
	t.written = at.position
	at.script = t.script
}

// violation is what a store did that it must not.
type violation struct{ text string }

func violated(format string, args ...any) error { return &violation{fmt.Sprintf(format, args...)} }

func (v *violation) Error() string { return v.text }
