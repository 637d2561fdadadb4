package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// predecessor is the process whose place this one takes, as seen from here. The nil one is of a process that takes
// nobody's.
type predecessor struct {
	*control
	state    *os.File
	complete bool      // the state is
	reading  io.Reader // the state, once it was asked for
}

var errCalledOff = errors.New("the process before has called the restart off")

// newPredecessor takes the control channel and the state, at two descriptors in a row.
func newPredecessor(fd int) (*predecessor, error) {
	if kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); err != nil || kind != unix.SOCK_STREAM {
		return nil, fmt.Errorf("descriptor %d is no socket", fd)
	}
	unix.CloseOnExec(fd)
	unix.CloseOnExec(fd + 1)
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, err
	}
	return &predecessor{control: newControl(os.NewFile(uintptr(fd), "restart")), state: os.NewFile(uintptr(fd+1), "state")}, nil
}

// await says that this process is ready, and where it will open a store (empty: nowhere). It returns nil when it is to
// serve: at the word of the one before, or when that one has died, for then nobody else does.
func (p *predecessor) await(signals <-chan os.Signal, place string, log logger) error {
	p.sayText(wordReady, place)
	for {
		select {
		case m, open := <-p.said:
			switch {
			case !open:
				log.Error("the process before has died in the middle of the restart: serving "+leftBehind(place), "store", place)
				return nil
			case m.word == wordGo:
				p.complete = true
				return nil
			case m.word == wordStop:
				return errCalledOff
			}
			return fmt.Errorf("the process before said %q where %q was due", m.word, wordGo)
		case sig := <-signals:
			if sig == syscall.SIGHUP || sig == syscall.SIGUSR2 {
				log.Warn("signal ignored: a restart is under way", "signal", sig.String())
				continue
			}
			return fmt.Errorf("%v before the restart was over", sig)
		}
	}
}

// leftBehind is what there is to serve with after a process that has died.
func leftBehind(place string) string {
	if place == "" {
		return "without its sessions and retained messages"
	}
	return "with what the store holds"
}

// Read is Parts.State: what the process before has left, once it said that it is complete, else the state of a broker
// that knows nothing. It is read only when await has returned.
func (p *predecessor) Read(b []byte) (int, error) {
	if p.reading == nil {
		r, err := p.open()
		if err != nil {
			return 0, err
		}
		p.reading = r
	}
	return p.reading.Read(b)
}

func (p *predecessor) open() (io.Reader, error) {
	if !p.complete {
		var nothing bytes.Buffer
		err := store.NewStreamWriter(&nothing).Close()
		return &nothing, err
	}
	info, err := p.state.Stat()
	if err != nil {
		return nil, err
	}
	return io.NewSectionReader(p.state, 0, info.Size()), nil // where the one before stands in the file is not our place
}

// lives tells whether there is one, and it has handed over.
func (p *predecessor) lives() bool { return p != nil && p.complete }

// over says how it went, and ends the tie.
func (p *predecessor) over(err error) {
	switch {
	case p == nil:
		return
	case err != nil:
		p.sayText(wordError, err.Error())
	default:
		p.say(wordServing)
	}
	p.close()
	_ = p.state.Close()
}
