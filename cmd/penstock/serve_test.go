package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// program is a penstock process of a test.
type program struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout *bufio.Scanner
	stderr *watched
	heir   int // the process that has its place after a restart; 0: none, -1: it was stopped
}

// start runs `penstock ARGS…` as a process that ends with the test.
func start(t *testing.T, args ...string) *program {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return startCommand(t, exec.Command(exe, args...))
}

// startCommand runs what is the program in the end.
func startCommand(t *testing.T, cmd *exec.Cmd) *program {
	t.Helper()
	p := &program{t: t, cmd: cmd, stderr: newWatched()}
	p.cmd.Env = append(p.cmd.Env, programEnv()...)
	p.cmd.Stderr = p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdout = bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(30*time.Second, func() { p.cmd.Process.Kill() })
	t.Cleanup(func() {
		late.Stop()
		p.cmd.Process.Kill()
		p.cmd.Wait()
	})
	return p
}

// awaitLine reads stdout up to a line that matches and gives its first group.
func (p *program) awaitLine(pattern string) string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	for p.stdout.Scan() {
		if m := re.FindStringSubmatch(p.stdout.Text()); m != nil {
			return m[len(m)-1]
		}
	}
	p.t.Fatalf("stdout ended without a line like %q; stderr:\n%s", pattern, p.stderr)
	return ""
}

func (p *program) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// exitCode waits for the process.
func (p *program) exitCode() int {
	p.t.Helper()
	for p.stdout.Scan() { // Wait closes the pipe
	}
	err := p.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode()
}

// watched collects what is written to it and wakes who waits for some text.
type watched struct {
	mu   sync.Mutex
	more *sync.Cond
	buf  bytes.Buffer
	over bool // nobody waits any longer
}

func newWatched() *watched {
	w := &watched{}
	w.more = sync.NewCond(&w.mu)
	return w
}

func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.more.Broadcast()
	return w.buf.Write(b)
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}

// forget empties it.
func (w *watched) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf.Reset()
}

// await waits until text stands in what was written.
func (w *watched) await(t *testing.T, text string) {
	t.Helper()
	deadline := time.AfterFunc(20*time.Second, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.over = true
		w.more.Broadcast()
	})
	defer deadline.Stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	for !strings.Contains(w.buf.String(), text) {
		if w.over {
			t.Fatalf("%q was never written, only:\n%s", text, w.buf.String())
		}
		w.more.Wait()
	}
}

// connack sends a CONNECT of MQTT 3.1.1 with clean session and an empty client identifier, and gives the return code.
func connack(t *testing.T, address string) byte {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Write([]byte("\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00")); err != nil {
		t.Fatal(err)
	}
	var answer [4]byte
	if _, err := io.ReadFull(c, answer[:]); err != nil || answer[0] != 0x20 {
		t.Fatalf("got % x, %v, want a CONNACK", answer, err)
	}
	return answer[3]
}

const listening = `^penstock: listening on tcp://(127\.0\.0\.1:[1-9][0-9]*)$`

func TestServeServesUntilASignal(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		p := start(t, "--listen", "tcp://127.0.0.1:0", "--listen", "tcp://127.0.0.1:0?versions=5")
		p.awaitLine("^penstock: state is kept in memory")
		first, second := p.awaitLine(listening), p.awaitLine(listening)
		if code := connack(t, first); code != 0 {
			t.Errorf("first listener: return code %d, want 0", code)
		}
		if code := connack(t, second); code != 1 {
			t.Errorf("listener with versions=5: return code %d to a 3.1.1 client, want 1", code)
		}
		p.signal(sig)
		if code := p.exitCode(); code != 0 {
			t.Errorf("%v: exit %d, want 0; stderr:\n%s", sig, code, p.stderr)
		}
	}
}

func TestServeEndsWhenItCannotListen(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	p := start(t, "serve", "--listen", "tcp://"+ln.Addr().String())
	code := p.exitCode()
	said := strings.TrimSuffix(p.stderr.String(), "\n")
	if code != exitFailed || strings.Contains(said, "\n") || !strings.Contains(said, ln.Addr().String()) || !strings.Contains(said, "address already in use") {
		t.Errorf("exit %d, stderr %q, want %d and one line that names the address", code, said, exitFailed)
	}
}

func TestSIGHUPReloadsTheFileOrNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "penstock.yaml")
	write := func(extra string) {
		t.Helper()
		text := "listeners:\n  - address: 127.0.0.1:0\n" + extra
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	p := start(t, "-c", path)
	address := p.awaitLine(listening)

	write("limits:\n  maximum_qos: 9\n")
	p.signal(syscall.SIGHUP)
	p.stderr.await(t, "penstock.yaml:4: limits.maximum_qos: must be from 0 to 2, is 9")

	write("loops: 9\n")
	p.signal(syscall.SIGHUP)
	p.stderr.await(t, "loops: needs a restart")
	if code := connack(t, address); code != 0 {
		t.Errorf("after refused reloads: return code %d, want 0", code)
	}

	write("    versions: [5]\n")
	p.signal(syscall.SIGHUP)
	p.stderr.await(t, "configuration reloaded")
	if code := connack(t, address); code != 1 {
		t.Errorf("after the reload: return code %d to a 3.1.1 client, want 1", code)
	}
	p.signal(syscall.SIGTERM)
	if code := p.exitCode(); code != 0 {
		t.Errorf("exit %d, want 0; stderr:\n%s", code, p.stderr)
	}
}
