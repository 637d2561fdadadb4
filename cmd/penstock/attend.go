package main

import (
	"context"
	"errors"
	"fmt"
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
}

// server stays with a running broker.
type server struct {
	broker    broker
	admin     door
	load      func() (config.Config, error) // the configuration as it stands now
	log       logger
	reloading sync.Mutex // a signal and the admin API may ask at the same time
}

// door is the admin listener as a running program sees it.
type door interface {
	Prepare(admin.Config) (apply func(), err error)
	Stop(context.Context) error
}

var errForced = errors.New("stopped by a second signal before everything was closed")

// attend carries signals out until one of them has ended the broker: SIGHUP reloads, SIGINT and SIGTERM stop, a second
// one of these does not wait.
func (s *server) attend(signals <-chan os.Signal) error {
	var stopped chan error // nil until stopping
	for {
		select {
		case sig := <-signals:
			switch {
			case stopped != nil && sig != syscall.SIGHUP:
				return errForced
			case stopped != nil:
				s.log.Warn("reload ignored: the broker is stopping")
			case sig == syscall.SIGHUP:
				_ = s.reload() // the log has it
			default:
				s.log.Info("stopping", "signal", sig.String())
				stopped = make(chan error, 1)
				go s.stop(stopped)
			}
		case err := <-stopped:
			return err
		}
	}
}

func (s *server) stop(stopped chan<- error) {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	err := s.broker.Stop(ctx)
	// Last, so that /readyz says what goes on; a profile under way is cut.
	quick, cancel := context.WithTimeout(context.Background(), adminStopWithin)
	defer cancel()
	_ = s.admin.Stop(quick)
	if err != nil {
		stopped <- fmt.Errorf("stop: %w", err)
		return
	}
	s.log.Info("stopped")
	stopped <- nil
}

// reload reads the configuration anew, and either all of it holds from now on or nothing has changed.
func (s *server) reload() error {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	cfg, err := s.tryReload()
	if err != nil {
		s.log.Error("reload refused, nothing has changed", "error", err)
		return err
	}
	s.log.setLevel(cfg.Log.Level)
	s.log.Info("configuration reloaded")
	return nil
}

func (s *server) tryReload() (config.Config, error) {
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
