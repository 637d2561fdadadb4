package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// successor is the process that is to take the place of this one, as seen from here.
type successor struct {
	*control
	cmd   *exec.Cmd
	state *os.File      // what it will know of us
	place string        // of the store that it will open, as it said when it was ready; empty: none
	told  bool          // to go: from here on it may serve at any moment
	ended chan struct{} // closed once the process is gone
	exit  error         // how, then
}

// start runs the program anew with what it inherits. It has our arguments, environment, directory and standard files.
func (s self) start(what legacy) (*successor, error) {
	ours, theirs, err := controlPair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	state, err := stateFile()
	if err != nil {
		_ = ours.Close()
		return nil, err
	}
	n := &successor{state: state, ended: make(chan struct{})}
	n.cmd = &exec.Cmd{
		Path: s.path, Args: s.args, Env: slices.Concat(s.env, what.env()),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		ExtraFiles: append(slices.Clone(what.files), theirs, state),
	}
	if err := n.cmd.Start(); err != nil {
		_, _ = ours.Close(), state.Close()
		return nil, err
	}
	n.control = newControl(ours)
	go func() {
		n.exit = n.cmd.Wait()
		close(n.ended)
	}()
	return n, nil
}

// stateFile is memory where the kernel has such files, else a file without a name.
func stateFile() (*os.File, error) {
	if fd, err := unix.MemfdCreate("penstock-state", unix.MFD_CLOEXEC); err == nil {
		return os.NewFile(uintptr(fd), "penstock-state"), nil
	}
	f, err := os.CreateTemp("", "penstock-state-*")
	if err != nil {
		return nil, err
	}
	return f, os.Remove(f.Name())
}

func (n *successor) pid() int { return n.cmd.Process.Pid }

// await waits for a word. An error says why it did not come.
func (n *successor) await(ctx context.Context, word string, within time.Duration) error {
	late := time.NewTimer(within)
	defer late.Stop()
	said, ended := n.said, (chan struct{})(nil)
	for {
		select {
		case m, open := <-said:
			switch {
			case !open: // its last words were read: it is about to be gone
				said, ended = nil, n.ended
			case m.word == word:
				if word == wordReady {
					n.place = m.text
				}
				return nil
			case m.word == wordError:
				return errors.New(m.text)
			default:
				return fmt.Errorf("it said %q where %q was due", m.word, word)
			}
		case <-ended:
			if n.exit == nil {
				return errors.New("it has ended")
			}
			return fmt.Errorf("it has ended: %w", n.exit)
		case <-late.C:
			return fmt.Errorf("it was not %s within %v", word, within)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// endWithin is how long a successor that was told to stop may take to clean up.
const endWithin = time.Second

// end sees to it that the process is gone. One that was told to go is not asked: it could begin to serve meanwhile.
func (n *successor) end() {
	if n.told {
		n.kill()
	}
	n.say(wordStop)
	late := time.AfterFunc(endWithin, n.kill)
	defer late.Stop()
	<-n.ended
	n.close()
}

// pass hands a signal on that was meant for whoever serves. With a service manager that is not needed: it knows the
// successor, and signals all processes of a service. Nor is it with a terminal, which signals all in the foreground.
func (n *successor) pass(sig os.Signal) {
	if sig == syscall.SIGTERM && os.Getenv("NOTIFY_SOCKET") == "" {
		_ = n.cmd.Process.Signal(sig)
	}
}

// kill ends the process without a word. Of one that is gone it does nothing.
func (n *successor) kill() { _ = n.cmd.Process.Kill() }

// release closes what ties the two together, and the state.
func (n *successor) release() {
	n.close()
	_ = n.state.Close()
}
