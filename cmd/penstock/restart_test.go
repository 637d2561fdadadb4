package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/penstock-mqtt/penstock/cmd/penstock/internal/config"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/plugin/admin"
)

// asSuccessor makes the test binary play a new process, in the role it names.
const asSuccessor = "PENSTOCK_TEST_AS_SUCCESSOR"

// successorsPlace is where such a process says that it opens a store.
const successorsPlace = "PENSTOCK_TEST_SUCCESSORS_PLACE"

// playSuccessor does not return.
func playSuccessor(role string) {
	if role == "exits" {
		os.Exit(7)
	}
	given, err := inherit()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(8)
	}
	forever := make(chan struct{})
	switch role {
	case "hangs":
		<-forever
	case "errs":
		given.from.over(errors.New("listeners.0: \"no\"\nsuch address"))
		os.Exit(1)
	case "babbles":
		given.from.say(wordServing)
		<-forever
	}
	if err := given.from.await(nil, os.Getenv(successorsPlace), newLog(os.Stderr, engine.DefaultConfig().Log)); err != nil {
		given.from.over(err)
		os.Exit(1)
	}
	switch role {
	case "dies":
		os.Exit(9)
	case "stalls":
		<-forever
	}
	state, _ := io.ReadAll(given.from)
	ln, err := net.FileListener(given.listeners[0].File)
	if err != nil {
		os.Exit(10)
	}
	given.from.over(nil)
	for { // tells everybody what it was given
		c, err := ln.Accept()
		if err != nil {
			os.Exit(11)
		}
		fmt.Fprintf(c, "%s|%s|%s|%s|%s", given.listeners[0].Name, given.admin[0].Name, state, os.Getenv("LISTEN_FDS"), strings.Join(os.Args, " "))
		c.Close()
	}
}

// oldBroker is the broker of the old process.
type oldBroker struct {
	ln      net.Listener
	block   bool // HandOver lasts until its context ends
	failing error
	revive  error  // of Resume
	kept    string // what its store holds

	leaving  chan struct{} // closed by HandOver
	resumed  atomic.Int32
	stopped  atomic.Int32
	reloaded atomic.Int32
}

func (b *oldBroker) Reload(engine.Config) error { b.reloaded.Add(1); return nil }
func (b *oldBroker) Stop(context.Context) error { b.stopped.Add(1); return nil }
func (b *oldBroker) Resume() error              { b.resumed.Add(1); return b.revive }

func (b *oldBroker) HandOverStore(_ context.Context, w io.Writer) error {
	_, err := io.WriteString(w, b.kept)
	return err
}

func (b *oldBroker) Sockets() ([]engine.Socket, error) {
	f, err := b.ln.(*net.TCPListener).File()
	return []engine.Socket{{Name: "tcp://[::1]:1883 +%", File: f}}, err
}

func (b *oldBroker) HandOver(ctx context.Context, w io.Writer) error {
	close(b.leaving)
	if b.block {
		<-ctx.Done()
		return ctx.Err()
	}
	if _, err := io.WriteString(w, "all there is"); err != nil {
		return err
	}
	return b.failing
}

// oldAdmin is its admin listener.
type oldAdmin struct {
	ln            net.Listener
	left, stopped atomic.Int32
}

func (a *oldAdmin) Prepare(admin.Config) (func(), error) { return func() {}, nil }
func (a *oldAdmin) Leave(context.Context) error          { a.left.Add(1); return nil }
func (a *oldAdmin) Stop(context.Context) error           { a.stopped.Add(1); return nil }

func (a *oldAdmin) Sockets() ([]engine.Socket, error) {
	f, err := a.ln.(*net.TCPListener).File()
	return []engine.Socket{{Name: "127.0.0.1:0", File: f}}, err
}

// old is an old process within the test.
type old struct {
	t        *testing.T
	server   *server
	broker   *oldBroker
	admin    *oldAdmin
	reopened *oldAdmin // what follows the first one
	signals  chan os.Signal
	done     chan error
	log      *watched
}

// restartable makes one whose successor plays a role.
func restartable(t *testing.T, role string) *old {
	t.Helper()
	o := &old{
		t: t, broker: &oldBroker{leaving: make(chan struct{})}, admin: &oldAdmin{}, reopened: &oldAdmin{},
		signals: make(chan os.Signal), done: make(chan error, 1), log: newWatched(),
	}
	for _, ln := range []*net.Listener{&o.broker.ln, &o.admin.ln} {
		var err error
		if *ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { (*ln).Close() })
	}
	o.server = &server{
		broker: o.broker, admin: o.admin, cfg: config.Default(), log: newLog(o.log, engine.DefaultConfig().Log),
		load:     func() (config.Config, error) { return config.Default(), nil },
		self:     thisProgram(),
		patience: patience{ready: time.Minute, serving: time.Minute},
		reopen: func(_ admin.Config, sockets []engine.Socket) (door, error) {
			closeSockets(sockets)
			if len(sockets) != 1 {
				return nil, fmt.Errorf("%d sockets", len(sockets))
			}
			return o.reopened, nil
		},
	}
	o.server.self.env = append(o.server.self.env, asSuccessor+"="+role)
	return o
}

// attend begins to take signals; the process is gone with the test.
func (o *old) attend() *old {
	go func() { o.done <- o.server.attend(o.signals) }()
	return o
}

// stop ends it as a user would.
func (o *old) stop() {
	o.t.Helper()
	o.signals <- syscall.SIGTERM
	if err := <-o.done; err != nil {
		o.t.Error(err)
	}
}

// serves tells whether the process is as it was before a restart, and takes another one.
func (o *old) serves() {
	o.t.Helper()
	raw, err := o.broker.ln.(*net.TCPListener).SyscallConn()
	if err != nil {
		o.t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) {
		if flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 {
			o.t.Errorf("the listening socket has flags %#x, %v, want it not to block", flags, err)
		}
	}); err != nil {
		o.t.Fatal(err)
	}
	o.signals <- syscall.SIGHUP
	o.log.await(o.t, "configuration reloaded")
}

func TestARestartThatFailsBeforeTheHandOverChangesNothing(t *testing.T) {
	for _, tt := range []struct {
		role     string
		patience time.Duration
		said     string
	}{
		{"exits", time.Minute, "exit status 7"},
		{"errs", time.Minute, "such address"},
		{"babbles", time.Minute, "where"},
		{"hangs", 50 * time.Millisecond, "it was not ready within"},
	} {
		t.Run(tt.role, func(t *testing.T) {
			t.Parallel()
			o := restartable(t, tt.role)
			o.server.patience.ready = tt.patience
			o.attend()
			for range 2 { // a restart may be tried again
				o.signals <- syscall.SIGUSR2
				o.log.await(t, "restart failed, this process goes on")
				if got := o.log.String(); !strings.Contains(got, tt.said) {
					t.Fatalf("the log lacks %q:\n%s", tt.said, got)
				}
				o.log.forget()
			}
			o.serves()
			o.stop()
			if left, resumed := o.admin.left.Load(), o.broker.resumed.Load(); left != 0 || resumed != 0 {
				t.Errorf("the admin listener left %d times and the broker resumed %d times, want never", left, resumed)
			}
		})
	}
}

func TestARestartThatFailsAfterTheHandOverIsUndone(t *testing.T) {
	for _, tt := range []struct {
		role     string
		failing  error
		patience time.Duration
		said     string
	}{
		{"dies", nil, time.Minute, "exit status 9"},
		{"stalls", nil, 50 * time.Millisecond, "it was not serving within"},
		{"serves", errors.New("disk full"), time.Minute, "disk full"},
	} {
		t.Run(tt.role, func(t *testing.T) {
			t.Parallel()
			o := restartable(t, tt.role)
			o.broker.failing, o.server.patience.serving = tt.failing, tt.patience
			o.attend()
			o.signals <- syscall.SIGUSR2
			o.log.await(t, "restart failed, this process goes on")
			if got := o.log.String(); !strings.Contains(got, tt.said) {
				t.Errorf("the log lacks %q:\n%s", tt.said, got)
			}
			if left, resumed := o.admin.left.Load(), o.broker.resumed.Load(); left != 1 || resumed != 1 {
				t.Errorf("the admin listener left %d times and the broker resumed %d times, want once", left, resumed)
			}
			o.serves()
			o.stop()
			if first, second := o.admin.stopped.Load(), o.reopened.stopped.Load(); first != 0 || second != 1 {
				t.Errorf("the first admin listener was stopped %d times, the second %d, want the second alone", first, second)
			}
		})
	}
}

func TestABrokerThatCannotResumeEndsTheProcess(t *testing.T) {
	o := restartable(t, "dies")
	o.broker.revive = errors.New("out of descriptors")
	o.attend()
	o.signals <- syscall.SIGUSR2
	err := <-o.done
	if !errors.Is(err, errNobodyServes) || !errors.Is(err, o.broker.revive) || o.broker.stopped.Load() != 1 {
		t.Errorf("got %v after %d stops, want %v after one", err, o.broker.stopped.Load(), o.broker.revive)
	}
}

func TestARestartGivesSocketsAndStateToTheNewProcess(t *testing.T) {
	o := restartable(t, "serves").attend()
	address := o.broker.ln.Addr().String()
	o.signals <- syscall.SIGUSR2
	if err := <-o.done; err != nil {
		t.Fatalf("the old process: %v\n%s", err, o.log)
	}
	next := o.successor()
	o.broker.ln.Close()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got, err := io.ReadAll(c)
	if want := "tcp://[::1]:1883 +%|127.0.0.1:0|all there is||" + strings.Join(os.Args, " "); err != nil || string(got) != want {
		t.Errorf("the new process (%d) was given %q, %v, want %q", next, got, err, want)
	}
	if o.broker.stopped.Load() != 1 || o.admin.left.Load() != 1 || o.broker.resumed.Load() != 0 {
		t.Errorf("stopped %d, left %d, resumed %d, want 1, 1, 0", o.broker.stopped.Load(), o.admin.left.Load(), o.broker.resumed.Load())
	}
}

// successor is the process that has taken the place; it ends with the test.
func (o *old) successor() int {
	o.t.Helper()
	var pid int
	_, after, _ := strings.Cut(o.log.String(), "the new process serves\" process=")
	if _, err := fmt.Sscan(after, &pid); err != nil {
		o.t.Fatalf("no process in the log:\n%s", o.log)
	}
	o.t.Cleanup(func() { syscall.Kill(pid, syscall.SIGKILL) })
	return pid
}

func TestNothingElseChangesDuringARestart(t *testing.T) {
	t.Parallel()
	o := restartable(t, "hangs").attend()
	o.signals <- syscall.SIGUSR2
	o.signals <- syscall.SIGUSR2
	o.signals <- syscall.SIGHUP
	o.log.await(t, `signal ignored: a restart is under way" signal="user defined signal 2"`)
	o.log.await(t, `signal ignored: a restart is under way" signal=hangup`)
	if err := o.server.reload(); !errors.Is(err, errRestarting) { // as the admin API asks for it
		t.Errorf("a reload by the API: got %v, want %v", err, errRestarting)
	}
	o.stop()
	if n := o.broker.reloaded.Load(); n != 0 {
		t.Errorf("reloaded %d times, want never", n)
	}
}

func TestASignalEndsBothProcesses(t *testing.T) {
	t.Parallel()
	t.Run("before the hand-over", func(t *testing.T) {
		o := restartable(t, "hangs").attend()
		o.signals <- syscall.SIGUSR2
		o.log.await(t, "a new process prepares")
		o.stop()
		o.isGone()
	})
	t.Run("during the hand-over", func(t *testing.T) {
		o := restartable(t, "serves")
		o.broker.block = true
		o.attend()
		o.signals <- syscall.SIGUSR2
		<-o.broker.leaving
		o.stop()
		o.isGone()
	})
	t.Run("after it", func(t *testing.T) {
		o := restartable(t, "stalls").attend()
		o.signals <- syscall.SIGUSR2
		<-o.broker.leaving
		o.stop()
		o.isGone()
	})
	t.Run("twice", func(t *testing.T) {
		o := restartable(t, "hangs").attend()
		o.signals <- syscall.SIGUSR2
		o.log.await(t, "a new process prepares")
		o.signals <- syscall.SIGTERM
		o.signals <- syscall.SIGTERM
		if err := <-o.done; !errors.Is(err, errForced) {
			t.Errorf("got %v, want %v", err, errForced)
		}
	})
}

// isGone checks that nothing of the new process is left: who is dead and waited for is nobody's child.
func (o *old) isGone() {
	o.t.Helper()
	var pid int
	_, after, _ := strings.Cut(o.log.String(), " process=")
	if _, err := fmt.Sscan(after, &pid); err != nil {
		o.t.Fatalf("no process in the log:\n%s", o.log)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		o.t.Errorf("process %d: got %v, want that there is none", pid, err)
	}
	if o.broker.resumed.Load() != 0 || o.broker.stopped.Load() != 1 {
		o.t.Errorf("resumed %d, stopped %d, want 0 and 1", o.broker.resumed.Load(), o.broker.stopped.Load())
	}
}
