package bench

import (
	"cmp"
	"fmt"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// QoS0 in Config.QoS asks for QoS 0 where a scenario's default is another.
const QoS0 byte = 0x80

// general is what holds where neither the Config nor the scenario says anything.
var general = Config{
	Scale: 1, Version: mqtt.V311, Payload: 64, KeepAlive: time.Minute,
	Warmup: time.Second, Duration: 5 * time.Second, Drain: 5 * time.Second, Threads: 1,
}

// Resolve fills in what the Config leaves open, from its preset, then from its scenario, then what holds for all, and
// validates the whole. In a resolved Config zero means zero; resolving it again changes nothing. Before, a negative rate
// or duration, or QoS0, says that a default is not wanted.
func (c Config) Resolve() (Config, error) {
	if c.resolved {
		return c, c.Validate()
	}
	if c.Scale == 0 {
		c.Scale = 1
	}
	if !(c.Scale > 0 && c.Scale < 1e6) {
		return c, fmt.Errorf("scale: %v is not above 0", c.Scale)
	}
	if p, ok := presetNamed(c.Scenario); ok {
		scaled := p.scaled(c.Scale)
		c.Preset, c.Scenario = p.Name, scaled.Scenario
		c.fill(&scaled)
	} else if c.Scale != 1 {
		return c, fmt.Errorf("scale: only presets have one, and %q is none", c.Scenario)
	}
	s, ok := scenarioNamed(c.Scenario)
	if !ok {
		return c, fmt.Errorf("scenario: there is no %q", c.Scenario)
	}
	if c.overTLS() {
		s.Default.Clients = min(s.Default.Clients, encrypted)
	}
	c.fill(&s.Default)
	c.fill(&general)
	c.settle()
	if err := c.Validate(); err != nil {
		return c, err
	}
	if s.Check != nil {
		if err := s.Check(&c); err != nil {
			return c, err
		}
	}
	return c, nil
}

// fill takes what c leaves open from d.
func (c *Config) fill(d *Config) {
	c.Version = cmp.Or(c.Version, d.Version)
	for _, f := range []struct {
		to *int
		or int
	}{
		{&c.Publishers, d.Publishers}, {&c.Subscribers, d.Subscribers}, {&c.Clients, d.Clients}, {&c.Topics, d.Topics},
		{&c.Filters, d.Filters}, {&c.Messages, d.Messages}, {&c.Payload, d.Payload}, {&c.Threads, d.Threads},
	} {
		*f.to = cmp.Or(*f.to, f.or)
	}
	if c.Rate == 0 { // a window asks for a closed loop where the default is an open one, and the other way round
		if c.Window == 0 {
			c.Rate = d.Rate
		}
	}
	if c.Rate <= 0 {
		c.Window = cmp.Or(c.Window, d.Window)
	}
	c.ConnectRate = cmp.Or(c.ConnectRate, d.ConnectRate)
	c.QoS = cmp.Or(c.QoS, d.QoS)
	c.KeepAlive = cmp.Or(c.KeepAlive, d.KeepAlive)
	c.Warmup = cmp.Or(c.Warmup, d.Warmup)
	c.Duration = cmp.Or(c.Duration, d.Duration)
	c.Drain = cmp.Or(c.Drain, d.Drain)
	c.AllowLoss, c.AwaitAll, c.Persistent = c.AllowLoss || d.AllowLoss, c.AwaitAll || d.AwaitAll, c.Persistent || d.Persistent
}

// settle turns what says "none" into nothing.
func (c *Config) settle() {
	c.Rate, c.ConnectRate = max(c.Rate, 0), max(c.ConnectRate, 0)
	for _, d := range []*time.Duration{&c.KeepAlive, &c.Warmup, &c.Drain} {
		*d = max(*d, 0)
	}
	if c.QoS == QoS0 {
		c.QoS = 0
	}
	c.resolved = true
}

// Validate says what cannot be, by the name of the field. It is for a Config that is resolved.
func (c Config) Validate() error {
	wrong := func(field, format string, args ...any) error {
		return fmt.Errorf(field+": "+format, args...)
	}
	switch {
	case c.Version != mqtt.V311 && c.Version != mqtt.V5:
		return wrong("version", "%v is neither 3.1.1 nor 5.0", c.Version)
	case c.QoS > 2:
		return wrong("qos", "%d is neither 0, 1 nor 2", c.QoS)
	case c.Payload < MinPayload || c.Payload > 64<<20:
		return wrong("payload", "%d is not within %d and %d bytes", c.Payload, MinPayload, 64<<20)
	case c.Window < 0 || c.Window > maxWindow:
		return wrong("window", "%d is not within 0 and %d", c.Window, maxWindow)
	case c.Threads < 1 || c.Threads > 256:
		return wrong("threads", "%d is not within 1 and 256", c.Threads)
	case c.Duration <= 0:
		return wrong("duration", "%v is not above 0", c.Duration)
	case c.Rate < 0 || c.Rate > 1e9:
		return wrong("rate", "%v is not within 0 and 1e9", c.Rate)
	case c.KeepAlive > 65535*time.Second:
		return wrong("keepAlive", "%v is more than 65535s", c.KeepAlive)
	case c.Password != "" && c.Username == "" && c.Version == mqtt.V311:
		return wrong("password", "3.1.1 has none without a user name")
	case c.PID < 0:
		return wrong("pid", "%d is no process", c.PID)
	}
	for field, n := range map[string]int{
		"publishers": c.Publishers, "subscribers": c.Subscribers, "clients": c.Clients, "topics": c.Topics,
		"filters": c.Filters, "messages": c.Messages,
	} {
		if n < 0 {
			return wrong(field, "%d is below 0", n)
		}
	}
	return c.checkTransport()
}
