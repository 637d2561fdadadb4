package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine"
)

// copyProgram puts the program at a path, in one step, as a package manager does.
func copyProgram(t *testing.T, path string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(exe)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(path+".new", os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func TestARestartTakesTheProgramThatStandsAtThePathNow(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "one")
	copyProgram(t, path)
	link := filepath.Join(dir, "penstock")
	if err := os.Symlink("one", link); err != nil {
		t.Fatal(err)
	}
	p := startCommand(t, exec.Command(link, "--listen", "tcp://127.0.0.1:0", "--admin", "off", "--set", "admin.socket=off"))
	p.awaitLine(listening)
	runs := func(pid int, want string) {
		t.Helper()
		if got, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err != nil || got != want {
			t.Errorf("process %d runs %q, %v, want %q", pid, got, err, want)
		}
	}
	copyProgram(t, path) // the file that runs is no more
	next := p.restarted(p.cmd.Process.Pid)
	runs(next, path)
	copyProgram(t, filepath.Join(dir, "two")) // and this time the link turns
	if err := os.Symlink("two", link+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link+".new", link); err != nil {
		t.Fatal(err)
	}
	next = p.restarted(next)
	runs(next, filepath.Join(dir, "two"))
	p.ends()
	p.stopped(next)
}

func TestARestartIntoABrokenConfigurationChangesNothing(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "penstock.yaml")
	write := func(extra string) {
		t.Helper()
		text := "listeners: [\"tcp://127.0.0.1:0\", \"unix://" + dir + "/s?auth=always\"]\nadmin: {listen: [\"127.0.0.1:0\"], socket: " + dir + "/a}\n" + extra
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	p := start(t, "-c", file)
	address := p.awaitLine(listening)
	for _, tt := range []struct{ extra, said string }{
		{"limits: {maximum_qos: 9}\n", "limits.maximum_qos: must be from 0 to 2"},
		{"tls: {min_version: \"1.2\"}\nauth: {anonymous: whoever}\n", "auth.anonymous"},
	} {
		p.stderr.forget()
		write(tt.extra)
		p.signal(syscall.SIGUSR2)
		p.stderr.await(t, "restart failed, this process goes on")
		if !strings.Contains(p.stderr.String(), tt.said) {
			t.Errorf("the log lacks %q:\n%s", tt.said, p.stderr)
		}
	}
	// One that gets as far as its sockets, and fails at the admin listener's.
	taken := listen(t, "tcp", "127.0.0.1:0")
	p.stderr.forget()
	if err := os.WriteFile(file, []byte("listeners: [\"tcp://127.0.0.1:0\", \"unix://"+dir+"/s?auth=always\"]\nadmin: {listen: [\"127.0.0.1:0\", \""+taken.Addr().String()+"\"], socket: "+dir+"/a}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGUSR2)
	p.stderr.await(t, "restart failed, this process goes on")
	p.stderr.await(t, "admin.listen")
	if code := connack(t, address); code != 0 {
		t.Errorf("return code %d, want 0", code)
	}
	c, err := net.Dial("unix", dir+"/s")
	if err != nil {
		t.Errorf("the unix listener: %v", err)
	} else {
		c.Close()
	}
	if code, out, errs := runArgs("ctl", "--socket", dir+"/a", "status"); code != exitOK {
		t.Errorf("ctl status: exit %d, %s%s", code, out, errs)
	}
	p.signal(syscall.SIGTERM)
	if code := p.exitCode(); code != 0 {
		t.Errorf("exit %d, want 0; stderr:\n%s", code, p.stderr)
	}
}

// A program that waits for its configuration serves nobody yet, and SIGUSR2 ends a process that does not know it.
func TestARestartThatIsAskedForEarlyTakesPlaceLater(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "penstock.yaml")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, "-c", fifo)
	configure := func(meanwhile func()) {
		t.Helper()
		f, err := os.OpenFile(fifo, os.O_WRONLY, 0) // waits for its reader
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		meanwhile()
		if _, err := io.WriteString(f, "listeners: [\"tcp://127.0.0.1:0\"]\nadmin: {listen: [off], socket: off}\n"); err != nil {
			t.Fatal(err)
		}
	}
	configure(func() { p.signal(syscall.SIGUSR2) })
	address := p.awaitLine(listening)
	p.stderr.await(t, "a new process prepares")
	configure(func() {})
	next := p.restartOver()
	p.ends()
	if code := connack(t, address); code != 0 {
		t.Errorf("return code %d, want 0", code)
	}
	p.stopped(next)
}

// asRole puts a program at a path that plays a role instead of serving.
func asRole(t *testing.T, path, role string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("#!/bin/sh\n%s=%s exec %q \"$@\"\n", asSuccessor, role, exe)
	if err := os.WriteFile(path+".new", []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func TestABrokerServesAgainWhenTheNewProgramDies(t *testing.T) {
	dir, err := os.MkdirTemp("", "penstock")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "penstock")
	copyProgram(t, path)
	p := startCommand(t, exec.Command(path, "--listen", "tcp://127.0.0.1:0", "--listen", "unix://"+dir+"/mqtt?auth=always",
		"--admin", "127.0.0.1:0", "--set", "admin.socket="+dir+"/admin"))
	address := p.awaitLine(listening)
	var visitors crowd
	visitors.quit = make(chan struct{})
	visitors.join("tcp", address)
	visitors.join("unix", dir+"/mqtt")
	for range 2 {
		asRole(t, path, "dies")
		p.stderr.forget()
		p.signal(syscall.SIGUSR2)
		p.stderr.await(t, "restart failed, this process goes on")
		if !strings.Contains(p.stderr.String(), "exit status 9") {
			t.Errorf("the log lacks how it failed:\n%s", p.stderr)
		}
		if code := connack(t, address); code != 0 {
			t.Errorf("return code %d, want 0", code)
		}
		if code, out, errs := runArgs("ctl", "--socket", dir+"/admin", "status"); code != exitOK {
			t.Errorf("ctl status: exit %d, %s%s", code, out, errs)
		}
	}
	copyProgram(t, path)
	next := p.restarted(p.cmd.Process.Pid)
	p.ends()
	if code := connack(t, address); code != 0 {
		t.Errorf("after a restart that succeeds: return code %d, want 0", code)
	}
	close(visitors.quit)
	visitors.members.Wait()
	if n := visitors.refused.Load(); n != 0 || visitors.welcome.Load() == 0 {
		t.Errorf("%d connections were refused, the last one: %v; %d were answered", n, visitors.why.Load(), visitors.welcome.Load())
	}
	t.Logf("%d connections were answered, %d ended without an answer", visitors.welcome.Load(), visitors.dropped.Load())
	p.stopped(next)
}

// The test is the process before, and dies, as far as the other can see.
func TestTheProgramServesWhenTheOldProcessHasDied(t *testing.T) {
	m := manage(t)
	ln := listen(t, "tcp", "127.0.0.1:0")
	f, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	var what legacy
	if err := what.add(forBroker, []engine.Socket{{Name: "tcp://127.0.0.1:0", File: f}}); err != nil {
		t.Fatal(err)
	}
	f.Close()
	me := thisProgram()
	me.env = append(programEnv(), "NOTIFY_SOCKET="+m.path)
	me.args = []string{me.path, "--listen", "tcp://127.0.0.1:0", "--admin", "off", "--set", "admin.socket=off"}
	next, err := me.start(what)
	if err != nil {
		t.Fatal(err)
	}
	what.close()
	defer func() { <-next.ended }()
	defer next.kill()
	if err := next.await(context.Background(), wordReady, time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := next.state.WriteString("half a sta"); err != nil {
		t.Fatal(err)
	}
	next.release()
	m.hears(fmt.Sprintf("MAINPID=%d", next.pid()))
	m.hears("READY=1")
	if code := connack(t, ln.Addr().String()); code != 0 {
		t.Errorf("return code %d, want 0", code)
	}
}

func TestTheServiceManagerIsToldWhoServes(t *testing.T) {
	m := manage(t)
	ln := listen(t, "tcp", "127.0.0.1:0")
	p := activated(t, m, "penstock.socket", []net.Listener{ln}, "--listen", "tcp://"+ln.Addr().String(), "--admin", "off", "--set", "admin.socket=off")
	ln.Close()
	m.hears("READY=1")
	next := p.restarted(p.cmd.Process.Pid)
	m.hears(fmt.Sprintf("MAINPID=%d", next))
	p.ends()
	if code := connack(t, ln.Addr().String()); code != 0 {
		t.Errorf("return code %d, want 0", code)
	}
	p.stopped(next)
	m.hears("STOPPING=1")
}
