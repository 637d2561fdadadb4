package badinput

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
)

// Connections that never send a CONNECT cost little and end with the connect timeout. Their clients are a process of
// their own, because so many descriptors are what one may have.
func TestConnectionsThatNeverConnect(t *testing.T) {
	conns := 10000
	if rig.Race {
		conns = 1500
	}
	cfg := rig.Config(2)
	b := rig.Start(t, cfg, engine.Parts{})
	n := settle(t, b)
	load := spawn(t, "silent", b.Addr, strconv.Itoa(conns))
	if got := load.says(); got != "connected" {
		t.Fatal(got)
	}
	all := conns + 2
	if !rig.Eventually(func() bool { return b.Inventory().Connections == all }) {
		t.Fatalf("got %+v, want %d connections", b.Inventory(), all)
	}
	// The neighbour's own packets may be on their way: what is asked is that there is a moment without any.
	quiet := func() bool {
		v := b.Inventory()
		return v.InputBytes+v.OutputBytes == 0 && v.Sessions == 2 && v.Timers == conns
	}
	if !rig.Eventually(quiet) {
		t.Errorf("with silent connections: got %+v, want 2 sessions, %d timers and no buffers", b.Inventory(), conns)
	}
	b.Advance(cfg.Limits.ConnectTimeout + time.Second)
	if got, want := load.says(), fmt.Sprint(conns, " closed"); got != want {
		t.Errorf("the silent clients: got %q, want %q", got, want)
	}
	if !rig.Eventually(func() bool { return b.Inventory().Connections == 2 }) {
		t.Errorf("after the connect timeout: got %+v, want 2 connections", b.Inventory())
	}
	if got := b.Stats().ClosedByBroker[mqtt.MaximumConnectTime.String()]; got != uint64(conns) {
		t.Errorf("closed for the connect timeout: got %d, want %d", got, conns)
	}
	n.leave()
	b.Forward(0)
	b.Empty(0)
}

// silent opens connections and waits until they are closed.
func silent() {
	n, _ := strconv.Atoi(os.Args[2])
	conns := make([]net.Conn, n)
	for i := range conns {
		var err error
		if conns[i], err = net.Dial("tcp", os.Args[1]); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println("connected")
	closed := 0
	for _, c := range conns {
		if _, err := c.Read(make([]byte, 1)); err == io.EOF {
			closed++
		}
	}
	fmt.Println(closed, "closed")
	bufio.NewScanner(os.Stdin).Scan()
}
