package badinput

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
)

// A broker without descriptors refuses clients at once, goes on serving those it has, and takes new ones when
// descriptors come back. It is a process of its own, since the limit is a process's.
func TestBrokerWithoutDescriptorsGoesOn(t *testing.T) {
	broker := spawn(t, "starve")
	b := &rig.Broker{Addr: broker.says()}
	if !strings.HasPrefix(b.Addr, "127.") {
		t.Fatal(b.Addr)
	}
	n := settle(t, b)
	for round := range 3 {
		served, refused := 0, 0
		var conns []*rig.Conn
		for i := range 150 {
			c := dial(t, b, mqtt.V311)
			conns = append(conns, c)
			p := mqtt.Connect{Version: mqtt.V311, CleanStart: true, ClientID: fmt.Appendf(nil, "%d", i)}
			_, _ = c.Write(p.AppendTo(nil)) // it may be closed already
		}
		for i, c := range conns {
			switch h, _, err := c.Next(rig.Patience); {
			case err == nil && h.Type == mqtt.CONNACK:
				served++
			case rig.Ended(err):
				refused++
			default:
				t.Fatalf("round %d, client %d: got %v, %v, want a CONNACK or the end of the connection", round, i, h.Type, err)
			}
		}
		if served == 0 || refused == 0 {
			t.Errorf("round %d: %d clients were served and %d refused, want some of both", round, served, refused)
		}
		for _, c := range conns {
			c.Cut()
		}
		if !rig.Eventually(func() bool { broker.tell("stats"); return stats(t, broker).ClientsConnected == 2 }) {
			t.Fatalf("round %d: clients that are gone are still connected", round)
		}
	}
	for i := range 20 {
		_ = connect(t, b, mqtt.V5, fmt.Sprint("again", i)).Close()
	}
	n.leave()
	broker.tell("stats")
	s := stats(t, broker)
	if s.AcceptShed == 0 || s.Panics != 0 {
		t.Errorf("got %d connections shed and %d panics, want some and none", s.AcceptShed, s.Panics)
	}
	broker.tell("stop")
	if got, want := broker.says(), "stopped"; got != want {
		t.Errorf("at the end: got %q, want %q", got, want)
	}
}

func stats(t *testing.T, broker *child) (s engine.Stats) {
	t.Helper()
	if err := json.Unmarshal([]byte(broker.says()), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// starve is a broker that may have a few dozen connections.
func starve() {
	b, err := engine.New(rig.Config(2), engine.Parts{})
	if err == nil {
		err = b.Start()
	}
	if err == nil {
		err = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 64, Max: 64})
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(strings.TrimPrefix(b.Addrs()[0].URL, "tcp://"))
	for in := bufio.NewScanner(os.Stdin); in.Scan() && in.Text() == "stats"; {
		_ = json.NewEncoder(os.Stdout).Encode(b.Stats())
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := b.Stop(ctx); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("stopped")
}
