package main

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/penstock-mqtt/penstock/engine"
)

// What the store holds goes along where the next process opens another one or none, and only there.
func TestAStoreGoesAlongWhereTheNextProcessHasAnother(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, ours, next string
		along            bool
	}{
		{"the same", dir, dir, false},
		{"the same by another name", dir, link, false},
		{"none, as a release without a store says", dir, "", true},
		{"another", dir, t.TempDir(), true},
		{"one that is not there yet", dir, filepath.Join(dir, "new"), true},
		{"one, where we have none", "", dir, true}, // which is for the broker to say: it hands over nothing then
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(successorsPlace, tt.next)
			o := restartable(t, "serves")
			o.server.cfg.Store.Path, o.broker.kept = tt.ours, " and what the store holds"
			o.attend()
			o.signals <- syscall.SIGUSR2
			if err := <-o.done; err != nil {
				t.Fatalf("the old process: %v\n%s", err, o.log)
			}
			o.successor()
			c, err := net.Dial("tcp", o.broker.ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			o.broker.ln.Close()
			got, err := io.ReadAll(c)
			want := "|all there is|"
			if tt.along {
				want = "|all there is and what the store holds|"
			}
			if err != nil || !strings.Contains(string(got), want) {
				t.Errorf("the new process was given %q, %v, want %q in it", got, err, want)
			}
		})
	}
}

// A broker that has let go of its store cannot go on as it was: another one is made, of the store and of what was to be
// handed over besides.
func TestAProcessWhoseStoreWasReleasedTakesItsOwnPlace(t *testing.T) {
	o := restartable(t, "dies")
	o.broker.revive, o.broker.kept = engine.ErrReleased, " and what the store holds"
	second := &oldBroker{ln: o.broker.ln, leaving: make(chan struct{})}
	state := make(chan string, 1)
	o.server.renew = func(parts engine.Parts) (broker, error) {
		if o.broker.stopped.Load() != 1 {
			t.Error("the first broker was not stopped before")
		}
		b, err := io.ReadAll(parts.State)
		if err != nil || len(parts.Sockets) != 1 || parts.Sockets[0].Name != "tcp://[::1]:1883 +%" {
			t.Errorf("it is made of the sockets %+v and of a state with the error %v", parts.Sockets, err)
		}
		state <- string(b)
		return second, nil
	}
	o.attend()
	o.signals <- syscall.SIGUSR2
	o.log.await(t, "restart failed, this process goes on")
	if got := <-state; got != "all there is" {
		t.Errorf("it is made of %q, want %q: it has its store for the rest", got, "all there is")
	}
	o.serves()
	o.stop()
	if first, again, door := o.broker.stopped.Load(), second.stopped.Load(), o.reopened.stopped.Load(); first != 1 || again != 1 || door != 1 {
		t.Errorf("stopped: the first broker %d times, the second %d, its admin listener %d, want once each", first, again, door)
	}
}

func TestAProcessThatCannotHaveItsStoreBackEnds(t *testing.T) {
	o := restartable(t, "dies")
	o.broker.revive = engine.ErrReleased
	broken := errors.New("store: input/output error")
	o.server.renew = func(engine.Parts) (broker, error) { return nil, broken }
	o.attend()
	o.signals <- syscall.SIGUSR2
	if err := <-o.done; !errors.Is(err, errNobodyServes) || !errors.Is(err, broken) {
		t.Errorf("got %v, want %v because of %v", err, errNobodyServes, broken)
	}
}
