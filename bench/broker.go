package bench

import (
	"context"
	"runtime/debug"
	"time"

	mqttclient "github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

const (
	askTimeout   = 500 * time.Millisecond
	answerWithin = askTimeout / 10 // of the SUBACK: a retained message comes at once
)

// brokerVersion asks the broker what it calls itself, by the topic that most have for it; "" when it does not say.
func (r *run) brokerVersion() string {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	o := mqttclient.Options{
		Addr: r.cfg.Addr, Version: r.cfg.Version, CleanStart: true, ClientID: "bench-asks", Username: r.cfg.Username,
	}
	if r.to.unix == "" && !r.to.tls && !r.to.ws {
		o.Addr = r.addr.String()
	}
	if r.layers != nil {
		o.TLS = r.layers.TLS
	}
	if r.cfg.Password != "" {
		o.Password = []byte(r.cfg.Password)
	}
	c, _, err := mqttclient.Dial(ctx, o)
	if err != nil {
		return ""
	}
	defer func() { _ = c.Disconnect(ctx, mqtt.NormalDisconnection) }()
	said := make(chan string, 1)
	_, err = c.Subscribe(ctx, []mqttclient.Filter{{Filter: "$SYS/broker/version"}}, func(m *mqttclient.Message) {
		select {
		case said <- string(m.Payload[:min(len(m.Payload), 100)]):
		default:
		}
	})
	if err != nil {
		return ""
	}
	select {
	case answer := <-said:
		return answer
	case <-time.After(answerWithin):
		return ""
	}
}

// version is that of the module this is built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	return info.Main.Version
}
