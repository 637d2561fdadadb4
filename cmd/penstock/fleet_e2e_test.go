package main

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// restarts is more where there is time: scripts/long.sh.
var restarts = flag.Int("restarts", 3, "restarts under load")

// regular is a client that comes back with its session whenever its connection is lost.
type regular struct {
	options client.Options
	alive   func(*client.Client) // called once for each connection, returns at its end
	quit    context.Context
}

func (m *regular) live() {
	for m.quit.Err() == nil {
		ctx, cancel := context.WithTimeout(m.quit, 20*time.Second)
		c, _, err := client.Dial(ctx, m.options)
		cancel()
		if err != nil {
			select { // the old process is about to leave
			case <-m.quit.Done():
			case <-time.After(5 * time.Millisecond):
			}
			continue
		}
		m.alive(c)
		_ = c.Close()
	}
}

// fleet publishes numbered messages and counts which were acknowledged and which arrived.
type fleet struct {
	mu       sync.Mutex
	accepted map[uint64]byte // the number's QoS
	arrived  map[uint64]int
	total    atomic.Int64
}

func (f *fleet) receive(m *client.Message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.arrived[binary.BigEndian.Uint64(m.Payload)]++
}

// publish sends until the connection ends; each publisher has numbers of its own.
func (f *fleet) publish(publisher uint64, number *uint64) func(*client.Client) {
	return func(c *client.Client) {
		for {
			*number++
			id, qos := publisher<<40|*number, byte(1+*number%2)
			payload := binary.BigEndian.AppendUint64(nil, id)
			err := c.PublishAsync(context.Background(), client.Message{Topic: fmt.Sprint("fleet/", publisher), Payload: payload, QoS: qos}, func(r client.Result) {
				if r.Err == nil {
					f.mu.Lock()
					f.accepted[id] = qos
					f.mu.Unlock()
				}
			})
			if err != nil {
				return
			}
			f.total.Add(1)
			select {
			case <-c.Done():
				return
			case <-time.After(time.Millisecond):
			}
		}
	}
}

// lives has six publishers and a subscriber at work while the broker is upset again and again, and awaits every message that
// was acknowledged.
func (f *fleet) lives(t *testing.T, address string, upset func()) {
	t.Helper()
	options := func(id string) client.Options {
		o := client.Options{Addr: address, ClientID: id, Session: client.NewSession(), KeepAlive: 60}
		o.Props.SessionExpiry = 3600
		o.Props.Set(mqtt.PropSessionExpiry)
		return o
	}
	listener := options("listener")
	listener.Handler = f.receive
	first, _, err := client.Dial(context.Background(), listener)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Subscribe(context.Background(), []client.Filter{{Filter: "fleet/#", QoS: 2}}, f.receive); err != nil {
		t.Fatal(err)
	}
	first.Close()

	listening, deaf := context.WithCancel(context.Background())
	publishing, silent := context.WithCancel(context.Background())
	defer deaf()
	defer silent()
	var ears, mouths sync.WaitGroup
	ears.Go(func() {
		m := &regular{options: listener, quit: listening, alive: func(c *client.Client) {
			select {
			case <-c.Done():
			case <-listening.Done():
			}
		}}
		m.live()
	})
	for i := range uint64(6) {
		mouths.Go(func() {
			number := uint64(0)
			publish := f.publish(i, &number)
			m := &regular{options: options(fmt.Sprint("publisher-", i)), quit: publishing}
			m.alive = func(c *client.Client) {
				stop := context.AfterFunc(publishing, func() { c.Close() })
				defer stop()
				publish(c)
			}
			m.live()
		})
	}
	for range *restarts {
		before := f.total.Load()
		eventually(t, "traffic", func() bool { return f.total.Load() > before+300 })
		upset()
	}
	before := f.total.Load()
	eventually(t, "traffic after the last restart", func() bool { return f.total.Load() > before+300 })
	silent()
	mouths.Wait()
	eventually(t, "every message that was acknowledged", func() bool { lost, _ := f.missing(); return lost == 0 })
	deaf()
	ears.Wait()
	if _, doubled := f.missing(); doubled != 0 {
		t.Errorf("%d messages of QoS 2 arrived more than once", doubled)
	}
}

// missing counts what was acknowledged and did not arrive, or arrived too often.
func (f *fleet) missing() (lost, doubled int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, qos := range f.accepted {
		switch n := f.arrived[id]; {
		case n == 0:
			lost++
		case n > 1 && qos == 2:
			doubled++
		}
	}
	return lost, doubled
}

// acknowledged counts the messages that were; late acknowledgements may still come.
func (f *fleet) acknowledged() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.accepted)
}

func newFleet() *fleet { return &fleet{accepted: map[uint64]byte{}, arrived: map[uint64]int{}} }

func TestAFleetLosesNothingAcrossRestarts(t *testing.T) {
	p := start(t, "--listen", "tcp://127.0.0.1:0", "--admin", "off", "--set", "admin.socket=off")
	pid, address := p.cmd.Process.Pid, p.awaitLine(listening)
	visitors := crowd{quit: make(chan struct{})}
	for range 3 {
		visitors.join("tcp", address)
	}
	f := newFleet()
	f.lives(t, address, func() { pid = p.restarted(pid) })
	close(visitors.quit)
	visitors.members.Wait()
	if n := visitors.refused.Load(); n != 0 {
		t.Errorf("%d connections were refused, the last one: %v", n, visitors.why.Load())
	}
	t.Logf("%d restarts: %d messages acknowledged; %d other connections answered, %d not", *restarts, f.acknowledged(), visitors.welcome.Load(), visitors.dropped.Load())
	p.stopped(pid)
}

// A restart that is asked for, and in the midst of what follows a kill that nobody asked for.
func TestAFleetLosesNothingWhenABrokerWithAStoreIsRestartedAndKilled(t *testing.T) {
	dir := t.TempDir()
	ln := listen(t, "tcp", "127.0.0.1:0") // for an address that is free
	address := ln.Addr().String()
	ln.Close()
	serve := func() *program { return durable(t, dir, "--listen", "tcp://"+address) }
	p := serve()
	p.awaitLine(`listening on tcp://` + address)
	f := newFleet()
	f.lives(t, address, func() {
		next := p.restarted(p.cmd.Process.Pid)
		p.ends()
		before := f.total.Load()
		eventually(t, "traffic", func() bool { return f.total.Load() > before+100 })
		p.killedHeir(next)
		p = serve()
	})
	t.Logf("%d restarts and kills: %d messages acknowledged", *restarts, f.acknowledged())
	p.signal(syscall.SIGTERM)
	if code := p.exitCode(); code != exitOK {
		t.Errorf("exit %d, want 0; stderr:\n%s", code, p.stderr)
	}
}

// eventually waits for what must come about.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for end := time.Now().Add(30 * time.Second); !ok(); <-poll.C {
		if time.Now().After(end) {
			t.Fatalf("%s did not come about", what)
		}
	}
}
