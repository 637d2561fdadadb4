package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/penstock-mqtt/penstock/cmd/penstock/internal/config"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/plugin/admin"
)

// fakeBroker records what signals make of it. Its Stop lasts until release is closed.
type fakeBroker struct {
	reloaded []engine.Config
	refuse   error
	stopping chan struct{} // receives when Stop begins
	release  chan struct{}
	stopErr  error
}

func (b *fakeBroker) Reload(c engine.Config) error {
	if b.refuse == nil {
		b.reloaded = append(b.reloaded, c)
	}
	return b.refuse
}

func (b *fakeBroker) Stop(context.Context) error {
	b.stopping <- struct{}{}
	<-b.release
	return b.stopErr
}

func (b *fakeBroker) Sockets() ([]engine.Socket, error) { return nil, errors.ErrUnsupported }

func (b *fakeBroker) HandOver(context.Context, io.Writer) error { return errors.ErrUnsupported }

func (b *fakeBroker) HandOverStore(context.Context, io.Writer) error { return errors.ErrUnsupported }

func (b *fakeBroker) Resume() error { return errors.ErrUnsupported }

// fakeAdmin counts what it is told.
type fakeAdmin struct {
	refuse                 error
	applied, stopped, left int
}

func (a *fakeAdmin) Sockets() ([]engine.Socket, error) { return nil, nil }

func (a *fakeAdmin) Leave(context.Context) error {
	a.left++
	return nil
}

func (a *fakeAdmin) Prepare(admin.Config) (func(), error) { return func() { a.applied++ }, a.refuse }

func (a *fakeAdmin) Stop(context.Context) error {
	a.stopped++
	return nil
}

// attended starts a server on a fake broker; its log is to be read once done has delivered.
func attended(b *fakeBroker, a *fakeAdmin, load func() (config.Config, error)) (signals chan os.Signal, done chan error, log *bytes.Buffer) {
	b.stopping, b.release = make(chan struct{}, 1), make(chan struct{})
	log = new(bytes.Buffer)
	s := &server{broker: b, admin: a, load: load, log: newLog(log, engine.DefaultConfig().Log)}
	signals, done = make(chan os.Signal), make(chan error, 1)
	go func() { done <- s.attend(signals) }()
	return signals, done, log
}

func TestOneSignalStopsCleanly(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		b := &fakeBroker{}
		signals, done, log := attended(b, &fakeAdmin{}, nil)
		signals <- sig
		<-b.stopping
		close(b.release)
		if err := <-done; err != nil || !strings.Contains(log.String(), "stopped") {
			t.Errorf("%v: attend returned %v, log %q", sig, err, log)
		}
	}
}

func TestASecondSignalDoesNotWait(t *testing.T) {
	b := &fakeBroker{}
	signals, done, _ := attended(b, &fakeAdmin{}, nil)
	defer close(b.release)
	signals <- syscall.SIGTERM
	<-b.stopping
	signals <- syscall.SIGHUP // is no reason to hurry
	signals <- syscall.SIGTERM
	if err := <-done; !errors.Is(err, errForced) {
		t.Errorf("attend returned %v, want %v", err, errForced)
	}
}

func TestAStopThatFailsIsSaid(t *testing.T) {
	b := &fakeBroker{stopErr: errors.New("half of it")}
	signals, done, _ := attended(b, &fakeAdmin{}, nil)
	signals <- syscall.SIGTERM
	<-b.stopping
	close(b.release)
	if err := <-done; !errors.Is(err, b.stopErr) {
		t.Errorf("attend returned %v, want %v", err, b.stopErr)
	}
}

func TestReloadChangesAllOrNothing(t *testing.T) {
	broken, refused := errors.New("penstock.yaml:1: broken"), errors.New("loops: needs a restart")
	for _, tt := range []struct {
		name   string
		load   error
		refuse error
		admin  error
		said   string
	}{
		{"good", nil, nil, nil, "configuration reloaded"},
		{"unreadable", broken, nil, nil, broken.Error()},
		{"refused by the broker", nil, refused, nil, refused.Error()},
		{"refused by the admin listener", nil, nil, refused, refused.Error()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config.Default()
			cfg.Log.Level = engine.LogDebug
			b, a := &fakeBroker{refuse: tt.refuse}, &fakeAdmin{refuse: tt.admin}
			signals, done, log := attended(b, a, func() (config.Config, error) { return cfg, tt.load })
			signals <- syscall.SIGHUP
			signals <- syscall.SIGTERM
			<-b.stopping
			close(b.release)
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			good := tt.load == nil && tt.refuse == nil && tt.admin == nil
			if changed := len(b.reloaded) == 1; changed != good || (a.applied == 1) != good || !strings.Contains(log.String(), tt.said) {
				t.Errorf("reloaded %v and applied %d, want %v; the log should say %q:\n%s", changed, a.applied, good, tt.said, log)
			}
			if a.stopped != 1 {
				t.Errorf("the admin listener was stopped %d times, want once", a.stopped)
			}
		})
	}
}
