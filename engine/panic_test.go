package engine

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/auth"
)

// slowly is an authenticator that has to be asked in offload, so that what follows a CONNECT is kept.
type slowly struct{}

func (slowly) Authenticate(context.Context, *auth.Request) auth.Decision {
	return auth.Decision{Result: auth.Allow}
}

// A step that panics ends its own connection, also when it runs on kept input in the middle of a loop's pass.
func TestAPanicEndsItsConnectionOnly(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Listeners[0].Address = "127.0.0.1:0"
	cfg.Loops, cfg.Sys.Interval = 1, 0
	b, err := New(cfg, Parts{Authenticator: slowly{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	defer b.Stop(context.Background())
	onLoop(t, b, 0, func(l *loop) { l.router = nil }) // no PUBLISH can be routed

	// CONNECT and PUBLISH in one piece: the PUBLISH is kept. Then CONNECT alone and PUBLISH after the CONNACK.
	for i, together := range []bool{true, false} {
		nc, err := net.Dial("tcp", strings.TrimPrefix(b.Addrs()[0].URL, "tcp://"))
		if err != nil {
			t.Fatal(err)
		}
		_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
		connect := mqtt.Connect{Version: mqtt.V311, CleanStart: true, ClientID: []byte("c")}
		publish := mqtt.Publish{Topic: []byte("boom")}
		if together {
			_, err = nc.Write(publish.AppendTo(connect.AppendTo(nil), mqtt.V311))
		} else if _, err = nc.Write(connect.AppendTo(nil)); err == nil {
			if _, err = io.ReadFull(nc, make([]byte, 4)); err == nil {
				_, err = nc.Write(publish.AppendTo(nil, mqtt.V311))
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, nc); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("together %v: got %v, want the connection closed", together, err)
		}
		_ = nc.Close()
		if got := b.Stats().Panics; got != uint64(i+1) {
			t.Errorf("panics counted: got %d, want %d", got, i+1)
		}
	}
}
