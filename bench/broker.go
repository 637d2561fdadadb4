package bench

import (
	"net"
	"runtime/debug"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

const askTimeout = 500 * time.Millisecond

// brokerVersion asks the broker what it calls itself, by the topic that most have for it; "" when it does not say. The
// PINGREQ behind the SUBSCRIBE spares the wait for what does not come.
func brokerVersion(addr string, cfg *Config) string {
	c, err := net.DialTimeout("tcp", addr, askTimeout)
	if err != nil {
		return ""
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(askTimeout))
	hello := mqtt.Connect{Version: cfg.Version, CleanStart: true, ClientID: []byte("bench-asks")}
	if cfg.Username != "" {
		hello.HasUsername, hello.Username = true, []byte(cfg.Username)
	}
	if cfg.Password != "" {
		hello.HasPassword, hello.Password = true, []byte(cfg.Password)
	}
	ask := mqtt.Subscribe{ID: 1, Filters: []mqtt.Subscription{{Filter: []byte("$SYS/broker/version")}}}
	out := ask.AppendTo(hello.AppendTo(nil), cfg.Version, 0)
	if _, err := c.Write(mqtt.AppendPingreq(out)); err != nil {
		return ""
	}
	answer := brokerAnswer(c, cfg.Version)
	_, _ = c.Write((&mqtt.Disconnect{}).AppendTo(nil, cfg.Version, 0))
	return answer
}

// brokerAnswer reads up to the PUBLISH, or a little beyond the PINGRESP.
func brokerAnswer(c net.Conn, v mqtt.Version) string {
	var in mqtt.Reader
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return ""
		}
		for rest := buf[:n]; len(rest) > 0; {
			var h mqtt.Header
			var body []byte
			if h, body, rest, err = in.Next(rest, 1<<16); err != nil {
				return ""
			}
			switch h.Type {
			case mqtt.PUBLISH:
				var p mqtt.Publish
				if p.Decode(mqtt.Peer{Version: v, Server: true}, h.Flags, body) != nil || len(p.Payload) > 100 {
					return ""
				}
				return string(p.Payload)
			case mqtt.PINGRESP:
				_ = c.SetDeadline(time.Now().Add(askTimeout / 10))
			}
		}
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
