package bench

import (
	"context"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// Config is one run. What is zero takes the scenario's own default; [Config.Resolve] says what that makes of it. Where the
// default is not wanted, a negative Rate, ConnectRate, KeepAlive, Warmup or Drain says none, and QoS0 says QoS 0.
type Config struct {
	Scenario string       `json:"scenario"`         // a name of Scenarios, or of Presets
	Preset   string       `json:"preset,omitempty"` // the preset the scenario was made from
	Scale    float64      `json:"scale"`            // divides (or multiplies) the clients and rates of a preset; 1 leaves them
	Addr     string       `json:"addr"`             // the broker: host:port, or a URL of mqtt, tcp, mqtts, tls, ws, wss or unix
	Version  mqtt.Version `json:"version"`          // 4 or 5
	Username string       `json:"username,omitempty"`
	Password string       `json:"-"`

	// For tls and wss.
	CAFile     string `json:"caFile,omitempty"`     // PEM, who may have signed the broker's certificate; the system's when empty
	CertFile   string `json:"certFile,omitempty"`   // PEM, what the clients show of themselves
	KeyFile    string `json:"keyFile,omitempty"`    // PEM, its key
	ServerName string `json:"serverName,omitempty"` // whom the certificate must be for; the address's host when empty
	Insecure   bool   `json:"insecure,omitempty"`   // take any certificate
	TLSVersion string `json:"tlsVersion,omitempty"` // 1.2 or 1.3 and no other; whatever both sides know when empty
	TLSResume  bool   `json:"tlsResume,omitempty"`  // a client that connects again takes up its TLS session
	// For ws and wss: what a frame holds, all that a "flush" has to write (when empty, too) or a "packet".
	WSFrames string `json:"wsFrames,omitempty"`

	Publishers  int     `json:"publishers,omitempty"`
	Subscribers int     `json:"subscribers,omitempty"`
	Clients     int     `json:"clients,omitempty"` // connections of scenarios that have but one kind
	Topics      int     `json:"topics,omitempty"`
	Filters     int     `json:"filters,omitempty"`  // a subscriber
	Messages    int     `json:"messages,omitempty"` // for scenarios that send a number rather than for a time
	QoS         byte    `json:"qos"`
	Payload     int     `json:"payload"`               // bytes, at least MinPayload
	Window      int     `json:"window,omitempty"`      // closed loop: messages a publisher may have open (QoS 0: undelivered)
	AwaitAll    bool    `json:"awaitAll,omitempty"`    // closed loop at QoS 1 and 2: a message is open until it is delivered, too, not just acknowledged
	Rate        float64 `json:"rate,omitempty"`        // open loop: messages a second, all publishers together; 0 is closed loop
	ConnectRate float64 `json:"connectRate,omitempty"` // connections a second; 0 is as fast as they are answered
	Persistent  bool    `json:"persistent,omitempty"`  // sessions of those who subscribe, or publish at QoS 2, outlive the connection: what they are sent is to be kept

	KeepAlive time.Duration `json:"keepAlive,omitempty"`
	Warmup    time.Duration `json:"warmup"`        // before counting begins
	Duration  time.Duration `json:"duration"`      // of what is counted
	Drain     time.Duration `json:"drain"`         // the longest wait for what is still under way at the end
	Threads   int           `json:"threads"`       // event loops of the generator
	PID       int           `json:"pid,omitempty"` // the broker's process, to read its CPU and memory; 0: not read

	AllowLoss bool `json:"allowLoss,omitempty"` // QoS 0 may be lost, as under a rate the broker cannot keep up with: no fault, but a figure

	resolved bool // by Resolve

	// Restart ends the broker and starts it on the state that it has kept, and returns once it has accepted a CONNECT; for
	// scenarios about that.
	Restart func(ctx context.Context) (Restarted, error) `json:"-"`

	Progress func(Sample) `json:"-"` // called about every second with what is seen live; may be nil
}

// Sample is what a run looks like at one moment. Counts are of the interval since the sample before.
type Sample struct {
	At        time.Duration `json:"at"`    // since counting began (negative: warm-up)
	Left      time.Duration `json:"left"`  // until it ends
	Phase     string        `json:"phase"` // connect, subscribe, warm-up, run, drain
	Interval  time.Duration `json:"interval"`
	Connected int           `json:"connected"`
	Sent      uint64        `json:"sent"`
	Delivered uint64        `json:"delivered"`
	Errors    uint64        `json:"errors"` // of every kind
	P50       time.Duration `json:"p50"`    // latency of the interval's deliveries
	P99       time.Duration `json:"p99"`
	Max       time.Duration `json:"max"`
	CPU       float64       `json:"cpu,omitempty"` // broker, cores
	RSS       uint64        `json:"rss,omitempty"` // broker, bytes
}
