package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// restarted has the program give its place to another process, and gives that one's number. The last one ends with the
// test.
func (p *program) restarted(pid int) int {
	p.t.Helper()
	p.stderr.forget()
	if err := syscall.Kill(pid, syscall.SIGUSR2); err != nil {
		p.t.Fatal(err)
	}
	return p.restartOver()
}

// restartOver awaits the end of a restart that was asked for.
func (p *program) restartOver() int {
	p.t.Helper()
	p.stderr.await(p.t, "the new process serves")
	p.stderr.await(p.t, "msg=stopped") // the old one has
	var next int
	_, after, _ := strings.Cut(p.stderr.String(), "the new process serves\" process=")
	if _, err := fmt.Sscan(after, &next); err != nil {
		p.t.Fatalf("no process in the log:\n%s", p.stderr)
	}
	if p.heir == 0 {
		p.t.Cleanup(func() {
			if p.heir > 0 { // those before it are gone, and their numbers may be others'
				syscall.Kill(p.heir, syscall.SIGKILL)
			}
		})
	}
	p.heir = next
	return next
}

// ends awaits the end of the first process: those after it have its pipes, too.
func (p *program) ends() {
	p.t.Helper()
	state, err := p.cmd.Process.Wait()
	if err != nil || state.ExitCode() != 0 {
		p.t.Errorf("the first process: %v, %v, want exit 0; stderr:\n%s", state, err, p.stderr)
	}
}

// stopped sends SIGTERM to a process that is not ours to wait for, and awaits that it has stopped.
func (p *program) stopped(pid int) {
	p.t.Helper()
	p.stderr.forget()
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	p.stderr.await(p.t, "msg=stopped")
	p.heir = -1
}

// crowd connects without end and counts what becomes of it.
type crowd struct {
	quit             chan struct{}
	members          sync.WaitGroup
	refused          atomic.Int64 // connects
	welcome, dropped atomic.Int64 // those that were connected: with and without a CONNACK
	why              atomic.Value
}

func (c *crowd) join(network, address string) {
	c.members.Go(func() {
		for {
			select {
			case <-c.quit:
				return
			default:
				c.visit(network, address)
			}
		}
	})
}

func (c *crowd) visit(network, address string) {
	conn, err := net.DialTimeout(network, address, 20*time.Second)
	if err != nil {
		c.refused.Add(1)
		c.why.Store(err.Error())
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.WriteString(conn, "\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00")
	var answer [4]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil || answer[3] != 0 {
		c.dropped.Add(1)
		return
	}
	c.welcome.Add(1)
}

func TestARestartRefusesNobodyAndLosesNoMessage(t *testing.T) {
	dir, err := os.MkdirTemp("", "penstock")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "admin")
	p := start(t, "--listen", "tcp://127.0.0.1:0", "--listen", "unix://"+dir+"/mqtt?auth=always", "--admin", "127.0.0.1:0", "--set", "admin.socket="+socket)
	pid, address := p.cmd.Process.Pid, p.awaitLine(listening)
	door := p.awaitLine(`^penstock: admin on http://(.*)$`)

	got := make(chan string, 100)
	keeper := client.Options{
		Addr: address, ClientID: "keeper", Session: client.NewSession(), KeepAlive: 60,
		Handler: func(m *client.Message) { got <- string(m.Payload) },
	}
	keeper.Props.SessionExpiry = 3600
	keeper.Props.Set(mqtt.PropSessionExpiry)
	reach := func(wantSession bool) *client.Client {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		c, ack, err := client.Dial(ctx, keeper)
		if err != nil || ack.SessionPresent != wantSession {
			t.Fatalf("got %+v, %v, want a CONNACK with session present %v", ack, err, wantSession)
		}
		return c
	}
	c := reach(false)
	if _, err := c.Subscribe(context.Background(), []client.Filter{{Filter: "kept/#", QoS: 1}}, keeper.Handler); err != nil {
		t.Fatal(err)
	}
	if err := c.Disconnect(context.Background(), mqtt.NormalDisconnection); err != nil {
		t.Fatal(err)
	}
	publish := func(text string, retain bool) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		o := client.Options{Addr: address, CleanStart: true}
		c, _, err := client.Dial(ctx, o)
		if err == nil {
			err = c.Publish(ctx, client.Message{Topic: "kept/" + text, Payload: []byte(text), QoS: 1, Retain: retain})
			c.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}

	var visitors crowd
	visitors.quit = make(chan struct{})
	for range 2 {
		visitors.join("tcp", address)
		visitors.join("unix", dir+"/mqtt")
	}
	const restarts = 4
	for i := range restarts {
		text := fmt.Sprint("message ", i)
		publish(text, i == 0)
		first := pid
		pid = p.restarted(pid)
		if i == 0 {
			p.ends()
		}
		if got := p.awaitLine(listening); got != address {
			t.Errorf("process %d listens on %s, want %s", pid, got, address)
		}
		if got := p.awaitLine(`^penstock: admin on http://(.*)$`); got != door {
			t.Errorf("the admin listener of process %d is on %s, want %s", pid, got, door)
		}
		c := reach(true)
		select {
		case m := <-got:
			if m != text {
				t.Errorf("after restart %d: got %q, want %q", i, m, text)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("after restart %d: %q did not come; stderr:\n%s", i, text, p.stderr)
		}
		if err := c.Disconnect(context.Background(), mqtt.NormalDisconnection); err != nil {
			t.Error(err)
		}
		if code, out, errs := runArgs("ctl", "--socket", socket, "status"); code != exitOK {
			t.Errorf("after restart %d (%d follows %d): ctl status: exit %d, %s%s", i, pid, first, code, out, errs)
		}
	}
	close(visitors.quit)
	visitors.members.Wait()
	if n := visitors.refused.Load(); n != 0 {
		t.Errorf("%d connections were refused, the last one: %v", n, visitors.why.Load())
	}
	t.Logf("%d connections were answered, %d ended without an answer", visitors.welcome.Load(), visitors.dropped.Load())
	if visitors.welcome.Load() == 0 {
		t.Error("nobody was answered")
	}
	retained := make(chan string, 1)
	o := client.Options{Addr: address, CleanStart: true}
	late, _, err := client.Dial(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	if _, err := late.Subscribe(context.Background(), []client.Filter{{Filter: "kept/#", QoS: 1}}, func(m *client.Message) { retained <- string(m.Payload) }); err != nil {
		t.Fatal(err)
	}
	if m := <-retained; m != "message 0" {
		t.Errorf("the retained message is %q, want message 0", m)
	}
	p.stopped(pid)
	if _, err := os.Stat(socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after the end: got %v, want no admin socket", err)
	}
}
