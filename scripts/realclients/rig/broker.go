package rig

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// Broker is a penstock process, which may be ended and started again at the same address.
type Broker struct {
	Addr string // host:port
	Host string
	Port string
	URLs []string // where it listens, as it says: at Addr, then where further arguments had it listen

	t       testing.TB
	args    []string
	process *Process
	excused []string
}

// Start runs penstock on a free loopback port, with further arguments. It has no operator's door unless they open one.
func Start(t testing.TB, args ...string) *Broker {
	t.Helper()
	b := &Broker{t: t, args: args, Addr: "127.0.0.1:0"}
	b.start()
	return b
}

var listening = regexp.MustCompile(`(?m)^penstock: listening on (\S+)$`)

func (b *Broker) start() {
	b.t.Helper()
	args := append([]string{"--listen", "tcp://" + b.Addr, "--log-level", "debug", "--admin", "off", "--set", "admin.socket=off"}, b.args...)
	b.process = Spawn(b.t, Command{Name: Program(b.t), Args: args})
	listeners := len(slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return arg != "--listen" }))
	b.process.Await("its addresses", func(out string) bool {
		b.URLs = nil
		for _, line := range listening.FindAllStringSubmatch(out, -1) {
			b.URLs = append(b.URLs, line[1])
		}
		return len(b.URLs) >= listeners
	})
	var err error
	b.Addr = strings.TrimPrefix(b.URLs[0], "tcp://")
	if b.Host, b.Port, err = net.SplitHostPort(b.Addr); err != nil {
		b.t.Fatalf("penstock printed the address %q: %v", b.Addr, err)
	}
	p := b.process
	b.t.Cleanup(func() { b.stop(p) }) // before Spawn's own, which would kill it
}

// stop ends a broker as its service manager would, and sees that it had nothing to complain about.
func (b *Broker) stop(p *Process) {
	select {
	case <-p.done: // by Kill; another end was noticed by somebody's test
	default:
		p.Signal(syscall.SIGTERM)
		if code := p.Wait(); code != 0 {
			b.t.Errorf("penstock ended with exit code %d on SIGTERM, want 0", code)
		}
	}
	if log := p.Err(); slices.ContainsFunc(strings.Split(log, "\n"), b.complains) {
		b.t.Errorf("penstock logged\n%s", clip(log))
	} else if b.t.Failed() {
		b.t.Logf("penstock logged\n%s", clip(log))
	}
}

func (b *Broker) complains(line string) bool {
	excused := slices.ContainsFunc(b.excused, func(part string) bool { return strings.Contains(line, part) })
	return strings.Contains(line, "panic") || strings.Contains(line, "level=ERROR") && !excused
}

// Excuse has errors in the log pass that the test brings about, by a part of their lines.
func (b *Broker) Excuse(part string) { b.excused = append(b.excused, part) }

// At is the address, host:port, of the first listener of a kind.
func (b *Broker) At(kind string) string {
	b.t.Helper()
	return b.URL(kind).Host
}

// URL is that of the first listener of a kind.
func (b *Broker) URL(kind string) *url.URL {
	b.t.Helper()
	for _, text := range b.URLs {
		if u, err := url.Parse(text); err == nil && u.Scheme == kind {
			return u
		}
	}
	b.t.Fatalf("penstock listens at %v, on nothing of kind %s", b.URLs, kind)
	return nil
}

// Reload has the broker read its configuration and certificates again.
func (b *Broker) Reload() { b.process.Signal(syscall.SIGHUP) }

// Log is what the broker has logged so far.
func (b *Broker) Log() string { return b.process.Err() }

// AwaitLog waits for a line of the log.
func (b *Broker) AwaitLog(part string) {
	b.t.Helper()
	b.process.AwaitErr("the log line "+part, func(log string) bool { return strings.Contains(log, part) })
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
