package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// oldProcess is the process before, as played by a test.
type oldProcess struct {
	*control
	state *os.File
	next  *predecessor // what the new process sees of it
}

func playPredecessor(t *testing.T) oldProcess {
	t.Helper()
	ours, theirs, err := controlPair()
	if err != nil {
		t.Fatal(err)
	}
	state, err := stateFile()
	if err != nil {
		t.Fatal(err)
	}
	// The new process finds the two in a row, as it would after its start.
	const at = 200
	for i, f := range []*os.File{theirs, state} {
		d, err := duplicate(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Dup3(int(d.Fd()), at+i, unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		d.Close()
	}
	theirs.Close()
	next, err := newPredecessor(at)
	if err != nil {
		t.Fatal(err)
	}
	old := oldProcess{newControl(ours), state, next}
	t.Cleanup(func() {
		old.close()
		state.Close()
		next.over(nil)
	})
	return old
}

// serves starts the wait of the new process.
func (o oldProcess) serves(signals chan os.Signal, place string) (done chan error, log *watched) {
	log, done = newWatched(), make(chan error, 1)
	go func() { done <- o.next.await(signals, place, newLog(log, engine.DefaultConfig().Log)) }()
	return done, log
}

func (o oldProcess) awaitReady(t *testing.T) {
	t.Helper()
	o.awaitReadyAt(t, "")
}

func (o oldProcess) awaitReadyAt(t *testing.T, place string) {
	t.Helper()
	if m := <-o.said; m.word != wordReady || m.text != place {
		t.Fatalf("the new process said %+v, want %s with the place %q", m, wordReady, place)
	}
}

func TestTheNewProcessServesWhenItIsToldTo(t *testing.T) {
	o := playPredecessor(t)
	signals := make(chan os.Signal)
	done, log := o.serves(signals, "")
	o.awaitReady(t)
	signals <- syscall.SIGHUP // no reason to end
	signals <- syscall.SIGUSR2
	if _, err := o.state.WriteString("all there is"); err != nil {
		t.Fatal(err)
	}
	o.say(wordGo)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(o.next); err != nil || string(b) != "all there is" {
		t.Errorf("the state: got %q, %v", b, err)
	}
	if n := strings.Count(log.String(), "signal ignored"); n != 2 {
		t.Errorf("%d signals were refused in the log, want 2:\n%s", n, log)
	}
	o.next.over(nil)
	if m := <-o.said; m.word != wordServing {
		t.Errorf("the new process said %+v, want %s", m, wordServing)
	}
}

// A process that has died cannot say that it has: else nobody would serve.
func TestTheNewProcessServesWhenTheOldOneHasDied(t *testing.T) {
	o := playPredecessor(t)
	done, log := o.serves(nil, "")
	o.awaitReady(t)
	if _, err := o.state.WriteString("half of wh"); err != nil {
		t.Fatal(err)
	}
	o.close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := store.ReadStream(o.next, func(r *store.Record) error { return fmt.Errorf("%+v", r) }); err != nil {
		t.Errorf("the state: %v, want that of a broker that knows nothing", err)
	}
	if !strings.Contains(log.String(), "level=ERROR") || o.next.lives() {
		t.Errorf("the old process is taken for living: %v, the log:\n%s", o.next.lives(), log)
	}
}

func TestTheNewProcessServesWithItsStoreWhenTheOldOneHasDied(t *testing.T) {
	o := playPredecessor(t)
	done, log := o.serves(nil, "/some where/\"else\"")
	o.awaitReadyAt(t, "/some where/\"else\"")
	o.close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "serving with what the store holds") {
		t.Errorf("the log does not tell what there is:\n%s", log)
	}
}

func TestTheNewProcessEndsWhenItIsNotWanted(t *testing.T) {
	o := playPredecessor(t)
	done, _ := o.serves(nil, "")
	o.awaitReady(t)
	o.say(wordStop)
	o.close()
	if err := <-done; !errors.Is(err, errCalledOff) {
		t.Errorf("told to stop: got %v, want %v", err, errCalledOff)
	}

	o = playPredecessor(t)
	signals := make(chan os.Signal)
	done, _ = o.serves(signals, "")
	o.awaitReady(t)
	signals <- syscall.SIGTERM
	err := <-done
	if err == nil {
		t.Fatal("a signal: got nil, want an error")
	}
	o.next.over(err)
	if m := <-o.said; m.word != wordError || m.text != err.Error() {
		t.Errorf("the new process said %+v, want %q", m, err)
	}
}
