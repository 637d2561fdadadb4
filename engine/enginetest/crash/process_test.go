package crash

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

const asVictim = "PENSTOCK_CRASH_VICTIM"

// TestMain runs the broker that is to be killed, when it is in its process.
func TestMain(m *testing.M) {
	if os.Getenv(asVictim) != "" {
		if err := Serve(os.Args[1:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// victim is a broker in a process of its own.
type victim struct {
	t    *testing.T
	args []string
	addr atomic.Value // string

	cmd    *exec.Cmd
	in     io.WriteCloser
	errs   *strings.Builder
	said   chan string // its lines; closed at its end
	synced atomic.Int64
}

func newVictim(t *testing.T, args ...string) *victim {
	t.Helper()
	v := &victim{t: t, args: append([]string{"-data", t.TempDir(), "-registrar"}, args...)}
	v.start()
	return v
}

func (v *victim) address() string { return v.addr.Load().(string) }

// start starts a process, on what the one before has left.
func (v *victim) start() {
	v.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		v.t.Fatal(err)
	}
	cmd := exec.Command(exe, v.args...)
	cmd.Env = append(os.Environ(), asVictim+"=1", "GORACE=atexit_sleep_ms=0")
	v.errs = &strings.Builder{}
	cmd.Stderr = v.errs
	if v.in, err = cmd.StdinPipe(); err != nil {
		v.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		v.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	v.cmd, v.said = cmd, make(chan string, 10)
	v.t.Cleanup(func() { _ = cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		_ = cmd.Wait()
		v.t.Fatalf("the broker ended at once: %v\n%s", cmd.ProcessState, v.errs)
	}
	v.addr.Store(strings.TrimPrefix(lines.Text(), "penstock: listening on tcp://"))
	go func(said chan<- string) {
		defer close(said)
		for lines.Scan() {
			said <- lines.Text()
		}
	}(v.said)
}

// watch notes how far the log is synced: the Ledger's time of everything that is surely on the disk.
func (v *victim) watch(l *Ledger) {
	in, said := v.in, v.said
	for {
		at := l.Now()
		if _, err := fmt.Fprintln(in, "mark"); err != nil {
			return
		}
		if _, ok := <-said; !ok {
			return
		}
		v.synced.Store(at)
	}
}

// kill ends the process where it is, and starts another one. lossy: what it has not synced is lost.
func (v *victim) kill(f *Fleet, lossy bool) {
	v.t.Helper()
	v.addr.Store(nowhere)
	if err := v.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		v.t.Fatalf("the broker has ended before it was killed: %v\n%s", err, v.errs)
	}
	for range v.said { // to its end
	}
	_ = v.cmd.Wait()
	f.Cut()
	synced := int64(0)
	if lossy {
		synced = max(v.synced.Load(), 1) // at first nothing is
	}
	f.Ledger.Crashed(synced)
	v.complain()
	v.start()
	if lossy {
		go v.watch(f.Ledger)
	}
}

// complain reports what the broker was not to log.
func (v *victim) complain() {
	v.t.Helper()
	for line := range strings.SplitSeq(v.errs.String(), "\n") {
		if os.Getenv("CRASH_DEBUG") != "" && strings.Contains(line, "WARN") {
			v.t.Log(line)
		}
		if strings.Contains(line, "level=ERROR") || strings.Contains(line, "panic") || strings.Contains(line, "DATA RACE") {
			v.t.Errorf("the broker said:\n%s", v.errs)
			return
		}
	}
}

// stop ends the broker as a service manager does.
func (v *victim) stop() {
	v.t.Helper()
	_ = v.cmd.Process.Signal(syscall.SIGTERM)
	for range v.said {
	}
	if err := v.cmd.Wait(); err != nil {
		v.t.Errorf("after SIGTERM: %v\n%s", err, v.errs)
	}
	v.complain()
}
