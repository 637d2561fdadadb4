package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/penstock-mqtt/penstock/engine"
)

// patience is how long the process that is to take our place may take.
type patience struct {
	ready   time.Duration // until all that can fail has been tried
	serving time.Duration // from our leave until it serves; nobody is served meanwhile, but nobody is refused either
}

var usualPatience = patience{ready: 30 * time.Second, serving: time.Minute}

// restart is one attempt to give the broker's place to a new process.
type restart struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	done   chan error // receives nil when the new process serves, else why it does not
	next   atomic.Pointer[successor]
}

// errNobodyServes says that the old process could not go on where the new one failed.
var errNobodyServes = errors.New("the broker serves no longer")

var errRestarting = errors.New("a restart is under way")

// beginRestart starts an attempt; until endRestart nothing else may change.
func (s *server) beginRestart() *restart {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	s.restarting = true
	r := &restart{done: make(chan error, 1)}
	r.ctx, r.cancel = context.WithCancelCause(context.Background())
	go func() { r.done <- s.run(r) }()
	return r
}

// endRestart is for attempts that have failed: the process goes on.
func (s *server) endRestart(err error) {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	s.restarting = false
	s.log.Error("restart failed, this process goes on", "error", err)
	s.log.tell("STATUS=Serving; the restart has failed: " + strings.ReplaceAll(err.Error(), "\n", " "))
}

// result is done of an attempt, or what never receives.
func (r *restart) result() <-chan error {
	if r == nil {
		return nil
	}
	return r.done
}

// stop calls the attempt off; done says when nothing of it is left. It does nothing to one that has succeeded.
func (r *restart) stop() { r.cancel(errors.New("the broker was told to stop")) }

// kill ends the new process at once, for a process that does not wait for anything.
func (r *restart) kill() {
	if r == nil {
		return
	}
	if next := r.next.Load(); next != nil {
		next.kill()
	}
}

// run carries out the steps, in their order. What fails undoes what was done before it: when run has returned an error
// the new process is gone, and unless the error is errNobodyServes, or the attempt was called off after the clients were
// sent away, this one serves as before.
func (s *server) run(r *restart) (err error) {
	listeners, err := s.broker.Sockets()
	if err != nil {
		return err
	}
	defer closeSockets(listeners)
	doors, err := s.admin.Sockets()
	if err != nil {
		return err
	}
	defer func() { closeSockets(doors) }()

	next, err := s.begin(listeners, doors)
	if err != nil {
		return fmt.Errorf("start %s: %w", s.self.path, err)
	}
	defer func() { _ = next.state.Close() }()
	r.next.Store(next)
	s.log.Info("restart: a new process prepares", "program", s.self.path, "process", next.pid())
	s.log.tell(fmt.Sprintf("STATUS=Serving; process %d prepares to take over", next.pid()))
	if err := next.await(r.ctx, wordReady, s.patience.ready); err != nil {
		next.end()
		return fmt.Errorf("the new process did not get ready: %w", err)
	}
	s.log.Info("restart: handing over", "process", next.pid())
	if left, err := s.handOver(r.ctx, next); err != nil {
		next.end() // before anybody else serves
		if r.ctx.Err() != nil {
			return err // what follows is a stop
		}
		passed := doors
		doors = nil
		return errors.Join(err, s.resume(listeners, passed, left))
	}
	s.log.tellSuccessor(next.pid())
	s.log.Info("restart: the new process serves", "process", next.pid())
	next.release()
	return nil
}

// begin starts the new process on duplicates of our sockets.
func (s *server) begin(listeners, doors []engine.Socket) (*successor, error) {
	var what legacy
	defer func() { what.close() }()
	if err := what.add(forBroker, listeners); err != nil {
		return nil, err
	}
	if err := what.add(forAdmin, doors); err != nil {
		return nil, err
	}
	return s.self.start(what)
}

// handOver leaves, and waits until the other is there. From its first step on we serve nobody. left is what we would need
// besides our store to take our own place.
func (s *server) handOver(ctx context.Context, next *successor) (left io.Reader, err error) {
	quick, cancel := context.WithTimeout(ctx, adminStopWithin)
	defer cancel()
	_ = s.admin.Leave(quick) // requests of the operator's that take longer are cut
	leave, cancel := context.WithTimeout(ctx, s.cfg.Drain.Timeout)
	defer cancel()
	state := &counted{w: bufio.NewWriterSize(next.state, 256<<10)}
	err = errors.Join(s.broker.HandOver(leave, state), state.w.Flush())
	left = io.NewSectionReader(next.state, 0, state.n)
	if err != nil {
		return left, fmt.Errorf("hand over: %w", err)
	}
	if !sameStore(s.cfg.Store.Path, next.place) {
		if err := errors.Join(s.broker.HandOverStore(ctx, state), state.w.Flush()); err != nil {
			return left, fmt.Errorf("hand over the store: %w", err)
		}
	}
	next.told = true
	next.say(wordGo)
	if err := next.await(ctx, wordServing, s.patience.serving); err != nil {
		return left, fmt.Errorf("the new process took the state and did not serve: %w", err)
	}
	return left, nil
}

// counted counts what is written.
type counted struct {
	w *bufio.Writer
	n int64
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// sameStore tells whether the next process opens our store: then what that holds need not go along.
func sameStore(ours, next string) bool { return ours != "" && next != "" && sameFile(ours, next) }

// resume serves again, on the sockets we have kept. Where the store was released the state is read anew, like by another
// process: the one that failed may have written to it, and have told clients so.
func (s *server) resume(listeners, doors []engine.Socket, left io.Reader) error {
	err := s.broker.Resume()
	if errors.Is(err, engine.ErrReleased) {
		err = s.takeOwnPlace(listeners, left)
	}
	if err != nil {
		closeSockets(doors)
		return fmt.Errorf("%w: resume: %w", errNobodyServes, err)
	}
	door, err := s.reopen(s.cfg.Admin, doors)
	if err != nil {
		s.log.Error("the admin listener could not be opened again", "error", err)
		return nil
	}
	s.admin = door
	return nil
}

// takeOwnPlace begins anew with what the store holds and what was to be handed over besides.
func (s *server) takeOwnPlace(listeners []engine.Socket, left io.Reader) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	if err := s.broker.Stop(ctx); err != nil {
		return err
	}
	broker, err := s.renew(engine.Parts{Sockets: listeners, State: left})
	if err != nil {
		return err
	}
	s.broker = broker
	return nil
}
