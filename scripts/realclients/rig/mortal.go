package rig

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Mortal is a broker with a data directory that loses its process or its power, and comes back at the same address.
type Mortal struct {
	Addr string // host:port

	t       testing.TB
	command func(addr string) Command
	process *Process
}

// EachDeath runs a test with penstock, which is killed, and with a broker that loses whatever it has not synced when it is
// killed, as in a power cut.
func EachDeath(t *testing.T, test func(t *testing.T, m *Mortal)) {
	t.Helper()
	t.Parallel()
	for _, death := range []struct {
		name    string
		command func(t testing.TB, dir, addr string) Command
	}{
		{"kill -9", func(t testing.TB, dir, addr string) Command {
			return Command{Name: Program(t), Args: []string{"--listen", "tcp://" + addr, "--data", dir, "--admin", "off", "--set", "admin.socket=off"}}
		}},
		{"power cut", func(t testing.TB, dir, addr string) Command {
			return Command{Name: victim(t), Args: []string{"-listen", addr, "-data", dir, "-volatile", "-lag", "3ms"}, Typed: true}
		}},
	} {
		t.Run(death.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			m := &Mortal{t: t, Addr: "127.0.0.1:0", command: func(addr string) Command { return death.command(t, dir, addr) }}
			m.start()
			test(t, m)
			if t.Failed() {
				t.Logf("the broker said\n%s", clip(m.process.Err()))
			}
		})
	}
}

// victim is the path of the broker without power, which scripts/realclients/run.sh builds.
func victim(t testing.TB) string {
	t.Helper()
	path := os.Getenv("VICTIM")
	if path == "" {
		t.Fatal("the variable VICTIM must name the broker to kill; scripts/realclients/run.sh builds it and sets it")
	}
	return path
}

func (m *Mortal) start() {
	m.t.Helper()
	p := Spawn(m.t, m.command(m.Addr))
	m.process = p
	p.Await("its address", func(out string) bool {
		line := listening.FindStringSubmatch(out)
		if line != nil {
			m.Addr = strings.TrimPrefix(line[1], "tcp://")
		}
		return line != nil
	})
}

// Die ends the process wherever it is, and starts another one.
func (m *Mortal) Die() {
	m.t.Helper()
	m.process.Signal(syscall.SIGKILL)
	m.process.Wait()
	if log := m.process.Err(); strings.Contains(log, "level=ERROR") || strings.Contains(log, "panic") {
		m.t.Errorf("the broker said\n%s", clip(log))
	}
	m.start()
}

// Deaths lets the broker die several times, whenever so much has happened since the last time.
func (m *Mortal) Deaths(n int, happened func() int, much int) {
	m.t.Helper()
	for i := range n {
		before := happened()
		Eventually(m.t, "traffic between two deaths of the broker", func() bool { return happened() >= before+much })
		time.Sleep(time.Duration(i*7%20) * time.Millisecond) // anywhere
		m.Die()
	}
}
