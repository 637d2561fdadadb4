package paho

import (
	"crypto/tls"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"
	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/penstock-mqtt/penstock/scripts/realclients/rig"
)

// way is a transport: where the broker is, and what a client brings.
type way struct {
	url *url.URL
	tls *tls.Config
}

// eachWay runs a test over every transport but plain TCP, side by side on one broker; over a unix socket only with a client
// that knows them.
func eachWay(t *testing.T, unix bool, test func(t *testing.T, w way)) {
	t.Helper()
	t.Parallel()
	p := rig.Certificates(t)
	socket := filepath.Join(t.TempDir(), "broker.sock")
	b := rig.Start(t, "--listen", p.Listen("tls"), "--listen", p.Listen("tls", "ca", "ca.crt"), "--listen", "ws://127.0.0.1:0/mqtt",
		"--listen", p.Listen("wss"), "--listen", p.Listen("wss", "ca", "ca.crt"), "--listen", "unix://"+socket)
	for i, w := range []struct {
		name string
		tls  *tls.Config
	}{
		{"tls", p.Client("")}, {"mutual tls", p.Client("device-1")}, {"ws", nil},
		{"wss", p.Client("")}, {"mutual wss", p.Client("device-1")}, {"unix", nil},
	} {
		if w.name == "unix" && !unix {
			continue
		}
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			u, err := url.Parse(b.URLs[i+1])
			if err != nil {
				t.Fatal(err)
			}
			test(t, way{u, w.tls})
		})
	}
}

var large = strings.Repeat("0123456789", 30_000)

func TestV3OverEveryTransport(t *testing.T) {
	eachWay(t, true, func(t *testing.T, w way) {
		for version, name := range map[uint]string{3: "3.1", 4: "3.1.1"} {
			connect := func(id string) *mqtt.ClientOptions {
				return mqtt.NewClientOptions().AddBroker(w.url.String()).SetTLSConfig(w.tls).SetProtocolVersion(version).
					SetClientID(fmt.Sprint(id, version, w.url.Port())).SetAutoReconnect(false)
			}
			topic, in := topic(t)+"/"+name, newInbox()
			sub, _ := connectV3(t, connect("sub"))
			done(t, "subscribe", sub.Subscribe(topic, 2, in.v3))
			pub, _ := connectV3(t, connect("pub"))
			for qos := byte(0); qos <= 2; qos++ {
				want := append(numbered(fmt.Sprint(name, " at QoS ", qos), 100), large)
				for _, p := range want {
					pub.Publish(topic, qos, false, p)
				}
				same(t, fmt.Sprint("QoS ", qos), in.payloads(t, len(want)), want)
			}
		}
	})
}

// autopaho loses its connection in the middle of its messages, and takes its session up again.
func TestV5OverEveryTransport(t *testing.T) {
	eachWay(t, false, func(t *testing.T, w way) {
		ctx, in := deadline(t), newInbox()
		up := make(chan *paho.Connack, 8)
		c, err := autopaho.NewConnection(ctx, autopaho.ClientConfig{
			ServerUrls: []*url.URL{w.url}, TlsCfg: w.tls, KeepAlive: 30,
			CleanStartOnInitialConnection: true, SessionExpiryInterval: 60,
			ReconnectBackoff: autopaho.NewConstantBackoff(50 * time.Millisecond),
			OnConnectionUp:   func(_ *autopaho.ConnectionManager, connack *paho.Connack) { up <- connack },
			ClientConfig: paho.ClientConfig{
				ClientID: "managed-" + w.url.Port(),
				OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(r paho.PublishReceived) (bool, error) {
					in.v5(r.Packet)
					return true, nil
				}},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Disconnect(deadline(t)) })
		await(t, "the connection", up)
		topic := topic(t)
		if _, err := c.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: topic, QoS: 2}}}); err != nil {
			t.Fatal(err)
		}
		publish := func(qos byte, payloads ...string) {
			for _, p := range payloads {
				if _, err := c.Publish(ctx, &paho.Publish{Topic: topic, QoS: qos, Payload: []byte(p)}); err != nil {
					t.Fatal(err)
				}
			}
			same(t, fmt.Sprint("QoS ", qos), in.payloads(t, len(payloads)), payloads)
		}
		for qos := byte(0); qos <= 2; qos++ {
			publish(qos, append(numbered("message", 50), large)...)
		}
		c.TerminateConnectionForTest()
		if !await(t, "the next connection", up).SessionPresent {
			t.Error("CONNACK said no session is present")
		}
		publish(2, "after")
	})
}
