package rig

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// Broker is a penstock process, which may be ended and started again at the same address.
type Broker struct {
	Addr string // host:port
	Host string
	Port string

	t       testing.TB
	args    []string
	process *Process
}

// Start runs penstock on a free loopback port, with further arguments.
func Start(t testing.TB, args ...string) *Broker {
	t.Helper()
	b := &Broker{t: t, args: args, Addr: "127.0.0.1:0"}
	b.start()
	return b
}

var listening = regexp.MustCompile(`(?m)^penstock: listening on tcp://(\S+)$`)

func (b *Broker) start() {
	b.t.Helper()
	args := append([]string{"--listen", "tcp://" + b.Addr, "--log-level", "debug", "--admin", "off", "--set", "admin.socket=off"}, b.args...)
	b.process = Spawn(b.t, Command{Name: Program(b.t), Args: args})
	b.process.Await("its address", listening.MatchString)
	b.Addr = listening.FindStringSubmatch(b.process.Out())[1]
	var err error
	if b.Host, b.Port, err = net.SplitHostPort(b.Addr); err != nil {
		b.t.Fatalf("penstock printed the address %q: %v", b.Addr, err)
	}
	p := b.process
	b.t.Cleanup(func() { stop(b.t, p) }) // before Spawn's own, which would kill it
}

// stop ends a broker as its service manager would, and sees that it had nothing to complain about.
func stop(t testing.TB, p *Process) {
	select {
	case <-p.done: // by Kill; another end was noticed by somebody's test
	default:
		p.Signal(syscall.SIGTERM)
		if code := p.Wait(); code != 0 {
			t.Errorf("penstock ended with exit code %d on SIGTERM, want 0", code)
		}
	}
	if log := p.Err(); strings.Contains(log, "level=ERROR") || strings.Contains(log, "panic") {
		t.Errorf("penstock logged\n%s", clip(log))
	} else if t.Failed() {
		t.Logf("penstock logged\n%s", clip(log))
	}
}

// Kill ends the broker with SIGKILL, as a power cut would.
func (b *Broker) Kill() {
	b.t.Helper()
	b.process.Signal(syscall.SIGKILL)
	b.process.Wait()
}

// Restart starts the broker again at its address.
func (b *Broker) Restart() {
	b.t.Helper()
	b.start()
}

// Program is the path of the penstock under test, which scripts/realclients/run.sh builds.
func Program(t testing.TB) string {
	t.Helper()
	path := os.Getenv("PENSTOCK")
	if path == "" {
		t.Fatal("the variable PENSTOCK must name the program to test; scripts/realclients/run.sh builds it and sets it")
	}
	return path
}

// Root is the project's folder, seen from a test's working directory, a package folder of this module.
func Root() string { return filepath.Join("..", "..", "..") }
