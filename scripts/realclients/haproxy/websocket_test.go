package haproxy

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/penstock-mqtt/penstock/scripts/realclients/rig"
)

// All layers at once: the header, then TLS, then WebSocket.
func TestHeaderBeforeWebSocket(t *testing.T) {
	t.Parallel()
	p := rig.Certificates(t)
	admin := rig.NewAdminSocket(t)
	b := rig.Start(t, append(admin.Args(), "--listen", "ws://127.0.0.1:0/mqtt?proxy=127.0.0.1",
		"--listen", p.Listen("wss", "proxy", "127.0.0.1", "ca", "ca.crt"))...)
	for kind, with := range map[string]*tls.Config{"ws": nil, "wss": p.Client("device-1")} {
		for version, options := range versions {
			id := kind + "-" + version
			t.Run(id, func(t *testing.T) {
				t.Parallel()
				addr := start(t, route{rule: from("127.9.9.9"), to: b.At(kind), options: options})
				o := mqtt.NewClientOptions().AddBroker(fmt.Sprintf("%s://%s/mqtt", kind, addr)).SetTLSConfig(with).
					SetProtocolVersion(4).SetClientID(id).SetAutoReconnect(false)
				c := mqtt.NewClient(o)
				t.Cleanup(func() { c.Disconnect(0) })
				done(t, "connect", c.Connect())
				got := make(chan string, 1)
				done(t, "subscribe", c.Subscribe(id, 1, func(_ mqtt.Client, m mqtt.Message) { got <- string(m.Payload()) }))
				done(t, "publish", c.Publish(id, 1, false, "hello"))
				select {
				case m := <-got:
					if m != "hello" {
						t.Errorf("got %q, want hello", m)
					}
				case <-time.After(rig.Patience):
					t.Fatalf("no message within %v", rig.Patience)
				}
				if got := admin.Remote(t, id); !strings.HasPrefix(got, "127.9.9.9:") {
					t.Errorf("penstock ctl clients says the client is %s, want 127.9.9.9 and a port", got)
				}
			})
		}
	}
}

func done(t *testing.T, what string, token mqtt.Token) {
	t.Helper()
	if !token.WaitTimeout(rig.Patience) || token.Error() != nil {
		t.Fatalf("%s: %v within %v", what, token.Error(), rig.Patience)
	}
}
