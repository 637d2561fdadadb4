package main

import (
	"context"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// A restart is not the loss of a device: only who does not come back is reported.
func TestWillsOfAPlannedRestartWaitForTheirClients(t *testing.T) {
	t.Parallel()
	p := start(t, "--listen", "tcp://127.0.0.1:0", "--admin", "off", "--set", "admin.socket=off", "--set", "drain.will_grace=4s")
	address := p.awaitLine(listening)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	connect := func(id string) *client.Client {
		t.Helper()
		c, _, err := client.Dial(ctx, client.Options{
			Addr: address, ClientID: id, CleanStart: true,
			Will: &client.Message{Topic: "gone/" + id, Payload: []byte(id), QoS: 1},
		})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	left, back := connect("left"), connect("back")
	defer left.Close()
	next := p.restarted(p.cmd.Process.Pid)
	p.ends()
	<-left.Done()
	<-back.Done()
	back = connect("back")
	defer back.Close()

	gone := make(chan string, 4)
	witness, _, err := client.Dial(ctx, client.Options{Addr: address, CleanStart: true})
	if err != nil {
		t.Fatal(err)
	}
	defer witness.Close()
	if _, err := witness.Subscribe(ctx, []client.Filter{{Filter: "gone/#", QoS: 1}}, func(m *client.Message) { gone <- string(m.Payload) }); err != nil {
		t.Fatal(err)
	}
	await := func(want string) {
		t.Helper()
		select {
		case got := <-gone:
			if got != want {
				t.Errorf("got the will of %q, want %q", got, want)
			}
		case <-ctx.Done():
			t.Fatalf("nothing came for %q; stderr:\n%s", want, p.stderr)
		}
	}
	await("left")
	if err := back.Disconnect(ctx, mqtt.DisconnectWithWillMessage); err != nil { // behind it, all wills that were due are out
		t.Fatal(err)
	}
	await("back")
	if len(gone) != 0 {
		t.Errorf("one more will: %q", <-gone)
	}
	p.stopped(next)
}
