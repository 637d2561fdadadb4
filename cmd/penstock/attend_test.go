package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/penstock-mqtt/penstock/engine"
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

// attended starts a server on a fake broker; its log is to be read once done has delivered.
func attended(b *fakeBroker, load func() (engine.Config, error)) (signals chan os.Signal, done chan error, log *bytes.Buffer) {
	b.stopping, b.release = make(chan struct{}, 1), make(chan struct{})
	log = new(bytes.Buffer)
	s := &server{broker: b, load: load, log: newLog(log, engine.DefaultConfig().Log)}
	signals, done = make(chan os.Signal), make(chan error, 1)
	go func() { done <- s.attend(signals) }()
	return signals, done, log
}

func TestOneSignalStopsCleanly(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		b := &fakeBroker{}
		signals, done, log := attended(b, nil)
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
	signals, done, _ := attended(b, nil)
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
	signals, done, _ := attended(b, nil)
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
		said   string
	}{
		{"good", nil, nil, "configuration reloaded"},
		{"unreadable", broken, nil, broken.Error()},
		{"refused by the broker", nil, refused, refused.Error()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := engine.DefaultConfig()
			cfg.Log.Level = engine.LogDebug
			b := &fakeBroker{refuse: tt.refuse}
			signals, done, log := attended(b, func() (engine.Config, error) { return cfg, tt.load })
			signals <- syscall.SIGHUP
			signals <- syscall.SIGTERM
			<-b.stopping
			close(b.release)
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			good := tt.load == nil && tt.refuse == nil
			if changed := len(b.reloaded) == 1; changed != good || !strings.Contains(log.String(), tt.said) {
				t.Errorf("reloaded %v, want %v; the log should say %q:\n%s", changed, good, tt.said, log)
			}
		})
	}
}
