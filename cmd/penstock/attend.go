package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/penstock-mqtt/penstock/engine"
)

// stopWithin is how long a clean stop may take before the process ends all the same.
const stopWithin = 10 * time.Second

// broker is what a running broker is told by signals.
type broker interface {
	Reload(engine.Config) error
	Stop(context.Context) error
}

// server stays with a running broker.
type server struct {
	broker broker
	load   func() (engine.Config, error) // the configuration as it stands now
	log    logger
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
				s.reload()
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
	if err := s.broker.Stop(ctx); err != nil {
		stopped <- fmt.Errorf("stop: %w", err)
		return
	}
	s.log.Info("stopped")
	stopped <- nil
}

// reload reads the configuration anew, and either all of it holds from now on or nothing has changed.
func (s *server) reload() {
	cfg, err := s.load()
	if err == nil {
		err = s.broker.Reload(cfg)
	}
	if err != nil {
		s.log.Error("reload refused, nothing has changed", "error", err)
		return
	}
	s.log.setLevel(cfg.Log.Level)
	s.log.Info("configuration reloaded")
}
