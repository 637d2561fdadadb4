package proc

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestAProcessIsSeenToWork(t *testing.T) {
	p, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	before, err := p.Read()
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for sum := 0; ; sum++ {
		after, err := p.Read()
		if err != nil {
			t.Fatal(err)
		}
		if after.CPU < before.CPU {
			t.Fatalf("CPU went from %v to %v", before.CPU, after.CPU)
		}
		if after.CPU > before.CPU+5*time.Millisecond && after.Reads > before.Reads {
			if after.RSS < 1<<20 || after.Threads < 1 {
				t.Errorf("got %+v, want a megabyte and a thread at least", after)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after 10 s of work: %+v, at the beginning %+v", after, before)
		}
	}
}

// A thread that Go ends because its goroutine ended locked to it takes its schedstat away.
func TestTheSumDoesNotFallWhenThreadsEnd(t *testing.T) {
	p, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	var stop atomic.Bool
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		runtime.LockOSThread()
		for !stop.Load() {
		}
	}()
	var last Usage
	for last.CPU < 20*time.Millisecond {
		if last, err = p.Read(); err != nil {
			t.Fatal(err)
		}
	}
	stop.Store(true)
	<-stopped
	for range 50 {
		u, err := p.Read()
		if err != nil {
			t.Fatal(err)
		}
		if u.CPU < last.CPU {
			t.Fatalf("CPU went from %v to %v", last.CPU, u.CPU)
		}
		last = u
	}
}

func TestAProcessThatEndedIsAnError(t *testing.T) {
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p, err := Open(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if u, err := p.Read(); err == nil {
		t.Errorf("got %+v, want an error", u)
	}
	if _, err := Open(cmd.Process.Pid); err == nil {
		t.Error("a process that is gone could be opened")
	}
}

func TestTheClockRuns(t *testing.T) {
	c, err := ReadClock()
	if err != nil {
		t.Fatal(err)
	}
	if c.Busy <= 0 || c.Total < c.Busy {
		t.Errorf("got %+v, want busy time within the total", c)
	}
	got, err := parseClock("cpu  10 20 30 400 50 1 2 3 4 5")
	want := Clock{Busy: 66 * tick, Total: 516 * tick}
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if _, err := parseClock("intr 1 2 3 4 5"); err == nil {
		t.Error("a line that is no clock was read")
	}
}

func TestTheMachineSaysWhatItIs(t *testing.T) {
	m := ThisMachine()
	if m.Cores < 1 || m.Memory < 1<<20 || !strings.HasPrefix(m.Kernel, "Linux ") || m.Go != runtime.Version() || m.GOGC == "" || m.OS == "" {
		t.Errorf("got %+v", m)
	}
	if host, err := os.Hostname(); err == nil && m.Host != host {
		t.Errorf("host %q, want %q", m.Host, host)
	}
}
