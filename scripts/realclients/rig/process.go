package rig

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Command is how a program is started.
type Command struct {
	Name  string
	Args  []string
	Stdin string
	Typed bool       // Stdin stays open when it was written: Type adds to it
	Files []*os.File // beginning with descriptor 3
	Dir   string
	Env   []string // instead of this process's, if not nil
}

// Process is a running program.
type Process struct {
	t       testing.TB
	title   string
	cmd     *exec.Cmd
	in      io.WriteCloser // of a command that is typed at
	out     output
	errs    output
	done    chan struct{} // closed when it has ended and its output is whole
	code    int           // after done; -1 when a signal ended it
	waiting error         // after done: a failure other than the exit code
}

// Spawn starts a program in a process group of its own, with which the test ends it if it has not ended by then.
func Spawn(t testing.TB, c Command) *Process {
	t.Helper()
	p := &Process{t: t, title: c.Name + " " + strings.Join(c.Args, " "), done: make(chan struct{})}
	p.cmd = exec.Command(c.Name, c.Args...)
	p.cmd.Dir, p.cmd.Env, p.cmd.ExtraFiles = c.Dir, c.Env, c.Files
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if c.Typed {
		p.in = p.pipe()
	} else {
		p.cmd.Stdin = strings.NewReader(c.Stdin)
	}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.errs
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", p.title, err)
	}
	t.Cleanup(func() {
		p.Signal(syscall.SIGKILL)
		<-p.done
	})
	if c.Typed {
		p.Type(c.Stdin)
	}
	go func() {
		defer close(p.done)
		err := p.cmd.Wait()
		p.code = p.cmd.ProcessState.ExitCode()
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
			p.waiting = err
		}
		p.out.end()
		p.errs.end()
	}()
	return p
}

func (p *Process) pipe() io.WriteCloser {
	w, err := p.cmd.StdinPipe()
	if err != nil {
		p.t.Fatalf("%s: %v", p.title, err)
	}
	return w
}

// Type writes to the standard input of a command that is typed at. What the program does at its end shows elsewhere, so a
// program that has ended is no failure here.
func (p *Process) Type(text string) { _, _ = io.WriteString(p.in, text) }

// Hangup closes the standard input of a command that is typed at.
func (p *Process) Hangup() { _ = p.in.Close() }

// Run starts a program, waits for its end and fails the test unless it ended well. It returns the standard output.
func Run(t testing.TB, c Command) string {
	t.Helper()
	p := Spawn(t, c)
	if code := p.Wait(); code != 0 {
		t.Fatalf("%s: exit code %d, want 0\n%s", p.title, code, p.said())
	}
	return p.Out()
}

// Signal reaches the program and what it started; it does nothing when the program has ended.
func (p *Process) Signal(s syscall.Signal) {
	select {
	case <-p.done:
	default:
		_ = syscall.Kill(-p.cmd.Process.Pid, s) // gone in the meantime is as good
	}
}

// AwaitErr waits until the standard error so far fulfils the condition.
func (p *Process) AwaitErr(what string, condition func(text string) bool) {
	p.t.Helper()
	if !p.errs.await(condition) {
		p.t.Fatalf("%s: waited for %s\n%s", p.title, what, p.said())
	}
}

// Wait returns the exit code.
func (p *Process) Wait() int {
	p.t.Helper()
	code, err := p.End()
	if err != nil {
		p.t.Fatal(err)
	}
	return code
}

// End is Wait for other goroutines than the test's own.
func (p *Process) End() (code int, err error) {
	select {
	case <-p.done:
	case <-time.After(Patience):
		return 0, fmt.Errorf("%s has not ended within %v\n%s", p.title, Patience, p.said())
	}
	if p.waiting != nil {
		return 0, fmt.Errorf("%s: %w", p.title, p.waiting)
	}
	return p.code, nil
}

// Out is the standard output so far.
func (p *Process) Out() string { return p.out.String() }

// Err is the standard error so far.
func (p *Process) Err() string { return p.errs.String() }

// Await waits until the standard output so far fulfils the condition.
func (p *Process) Await(what string, condition func(out string) bool) {
	p.t.Helper()
	if !p.out.await(condition) {
		p.t.Fatalf("%s: waited for %s\n%s", p.title, what, p.said())
	}
}

func (p *Process) said() string {
	return "stdout:\n" + clip(p.Out()) + "\nstderr:\n" + clip(p.Err())
}

func clip(s string) string {
	if len(s) > 4000 {
		return s[:2000] + "\n…\n" + s[len(s)-2000:]
	}
	return s
}

// output collects what a program writes, and wakes who waits for it.
type output struct {
	mu    sync.Mutex
	buf   bytes.Buffer
	ended bool
	news  chan struct{} // closed at the next change, if somebody waits
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tell()
	return o.buf.Write(b)
}

func (o *output) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	o.tell()
}

func (o *output) tell() {
	if o.news != nil {
		close(o.news)
		o.news = nil
	}
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// await reports whether the condition came true; it gives up when nothing more can come.
func (o *output) await(condition func(string) bool) bool {
	deadline := time.After(Patience)
	for {
		o.mu.Lock()
		if condition(o.buf.String()) {
			o.mu.Unlock()
			return true
		}
		if o.ended {
			o.mu.Unlock()
			return false
		}
		if o.news == nil {
			o.news = make(chan struct{})
		}
		news := o.news
		o.mu.Unlock()
		select {
		case <-news:
		case <-deadline:
			return false
		}
	}
}
