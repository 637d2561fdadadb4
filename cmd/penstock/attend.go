package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/penstock-mqtt/penstock/cmd/penstock/internal/config"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/plugin/admin"
)

// stopWithin is how long a clean stop may take before the process ends all the same.
const stopWithin = 10 * time.Second

// adminStopWithin is how long requests of the operator may hold the end up.
const adminStopWithin = 500 * time.Millisecond

// broker is what a running broker is told by signals.
type broker interface {
	Reload(engine.Config) error
	Stop(context.Context) error
	Sockets() ([]engine.Socket, error)
	HandOver(context.Context, io.Writer) error
	HandOverStore(context.Context, io.Writer) error
	Resume() error
}

// server stays with a running broker.
type server struct {
	broker   broker
	load     func() (config.Config, error) // the configuration as it stands now
	log      logger
	self     self
	patience patience
	renew    func(engine.Parts) (broker, error)                // another broker, in the place of ours
	reopen   func(admin.Config, []engine.Socket) (door, error) // the admin listener, on sockets that are open

	reloading  sync.Mutex // a signal and the admin API may ask at the same time
	restarting bool       // while it is set, the two below are the restart's
	admin      door
	cfg        config.Config // in force
}

// door is the admin listener as a running program sees it.
type door interface {
	Prepare(admin.Config) (apply func(), err error)
	Sockets() ([]engine.Socket, error)
	Leave(context.Context) error
	Stop(context.Context) error
}

var errForced = errors.New("stopped by a second signal before everything was closed")

// attend carries signals out until one of them has ended the broker: SIGHUP reloads, SIGUSR2 restarts, SIGINT and
// SIGTERM stop, a second one of these does not wait.
func (s *server) attend(signals <-chan os.Signal) error {
	a := attendance{server: s, stopped: make(chan error, 1)}
	for {
		select {
		case sig := <-signals:
			change := sig == syscall.SIGHUP || sig == syscall.SIGUSR2
			switch {
			case change:
				a.change(sig)
			case a.leaving:
				a.going.kill()
				return errForced
			default:
				a.leave(sig)
			}
		case err := <-a.going.result():
			a.restarted(err)
		case err := <-a.stopped:
			return err
		}
	}
}

// attendance is where a server is between its start and its end.
type attendance struct {
	*server
	going   *restart   // nil unless one is under way
	heir    *successor // serves in our place, which we are leaving
	leaving bool       // we were told to
	stopped chan error // receives when all is closed
}

// change reloads or restarts, one at a time.
func (a *attendance) change(sig os.Signal) {
	switch {
	case a.leaving || a.heir != nil:
		a.log.Warn("signal ignored: the broker is stopping", "signal", sig.String())
	case a.going != nil:
		a.log.Warn("signal ignored: a restart is under way", "signal", sig.String())
	case sig == syscall.SIGUSR2:
		a.going = a.beginRestart()
	default:
		_ = a.reload() // the log has it
	}
}

// leave stops the broker, whichever process has it.
func (a *attendance) leave(sig os.Signal) {
	a.leaving = true
	if a.heir != nil {
		a.heir.pass(sig)
		return
	}
	a.log.Info("stopping", "signal", sig.String())
	a.log.tellStopping()
	if a.going != nil {
		a.going.stop() // and stop once nothing is left of it
		return
	}
	go a.stop(nil, a.stopped)
}

// restarted goes on after a restart, unless it has succeeded.
func (a *attendance) restarted(err error) {
	r := a.going
	a.going = nil
	switch {
	case err == nil:
		a.heir = r.next.Load()
		if a.leaving {
			a.heir.pass(syscall.SIGTERM)
		}
		go a.stop(nil, a.stopped)
	case a.leaving:
		a.log.Info("restart called off")
		go a.stop(nil, a.stopped)
	case errors.Is(err, errNobodyServes):
		a.leaving = true
		go a.stop(err, a.stopped)
	default:
		a.endRestart(err)
	}
}

// stop closes everything. why is what a stop that nobody asked for ends the process with.
func (s *server) stop(why error, stopped chan<- error) {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	err := s.broker.Stop(ctx)
	// Last, so that /readyz says what goes on; a profile under way is cut.
	quick, cancel := context.WithTimeout(context.Background(), adminStopWithin)
	defer cancel()
	_ = s.admin.Stop(quick)
	if err != nil {
		stopped <- errors.Join(why, fmt.Errorf("stop: %w", err))
		return
	}
	s.log.Info("stopped")
	stopped <- why
}

// reload reads the configuration anew, and either all of it holds from now on or nothing has changed.
func (s *server) reload() error {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	s.log.tellReloading()
	defer s.log.tellReady()
	cfg, err := s.tryReload()
	if err != nil {
		s.log.Error("reload refused, nothing has changed", "error", err)
		return err
	}
	s.cfg = cfg
	s.log.setLevel(cfg.Log.Level)
	s.log.Info("configuration reloaded")
	return nil
}

func (s *server) tryReload() (config.Config, error) {
	if s.restarting {
		return config.Config{}, errRestarting
	}
	cfg, err := s.load()
	if err != nil {
		return cfg, err
	}
	apply, err := s.admin.Prepare(cfg.Admin)
	if err != nil {
		return cfg, err
	}
	if err := s.broker.Reload(cfg.Config); err != nil {
		return cfg, err
	}
	apply()
	return cfg, nil
}
