package bench

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// options are what a run can be given by name, in a file of comparisons and as flags of the command.
var options = []struct {
	name string
	set  func(c *Config, value string) error
}{
	{"scale", float(func(c *Config) *float64 { return &c.Scale })},
	{"protocol-version", setVersion},
	{"cafile", words(func(c *Config) *string { return &c.CAFile })},
	{"cert", words(func(c *Config) *string { return &c.CertFile })},
	{"key", words(func(c *Config) *string { return &c.KeyFile })},
	{"servername", words(func(c *Config) *string { return &c.ServerName })},
	{"insecure", boolean(func(c *Config) *bool { return &c.Insecure })},
	{"tls-version", setTLSVersion},
	{"tls-resume", boolean(func(c *Config) *bool { return &c.TLSResume })},
	{"ws-frames", setWSFrames},
	{"username", words(func(c *Config) *string { return &c.Username })},
	{"password", words(func(c *Config) *string { return &c.Password })},
	{"publishers", integer(func(c *Config) *int { return &c.Publishers })},
	{"subscribers", integer(func(c *Config) *int { return &c.Subscribers })},
	{"clients", integer(func(c *Config) *int { return &c.Clients })},
	{"topics", integer(func(c *Config) *int { return &c.Topics })},
	{"filters", integer(func(c *Config) *int { return &c.Filters })},
	{"messages", integer(func(c *Config) *int { return &c.Messages })},
	{"qos", setQoS},
	{"payload", integer(func(c *Config) *int { return &c.Payload })},
	{"window", integer(func(c *Config) *int { return &c.Window })},
	{"rate", float(func(c *Config) *float64 { return &c.Rate })},
	{"connect-rate", float(func(c *Config) *float64 { return &c.ConnectRate })},
	{"keepalive", duration(func(c *Config) *time.Duration { return &c.KeepAlive })},
	{"warmup", duration(func(c *Config) *time.Duration { return &c.Warmup })},
	{"duration", duration(func(c *Config) *time.Duration { return &c.Duration })},
	{"drain", duration(func(c *Config) *time.Duration { return &c.Drain })},
	{"threads", integer(func(c *Config) *int { return &c.Threads })},
	{"allow-loss", boolean(func(c *Config) *bool { return &c.AllowLoss })},
	{"await-all", boolean(func(c *Config) *bool { return &c.AwaitAll })},
	{"persistent", boolean(func(c *Config) *bool { return &c.Persistent })},
}

// Options are the names that Set knows.
func Options() []string {
	names := make([]string, len(options))
	for i, o := range options {
		names[i] = o.name
	}
	return names
}

// Set gives one option its value, written as on the command line: "5s" is a duration, "311" and "5" are versions. A rate or
// a duration of 0 is none, whatever the scenario's default.
func (c *Config) Set(name, value string) error {
	i := slices.Index(Options(), name)
	if i < 0 {
		return fmt.Errorf("%s: unknown option; there are %s", name, strings.Join(Options(), ", "))
	}
	if err := options[i].set(c, value); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func integer(field func(*Config) *int) func(*Config, string) error {
	return func(c *Config, value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			return fmt.Errorf("%q is no number from 0 up", value)
		}
		*field(c) = n
		return nil
	}
}

func float(field func(*Config) *float64) func(*Config, string) error {
	return func(c *Config, value string) error {
		f, err := strconv.ParseFloat(value, 64)
		if err != nil || !(f >= 0) {
			return fmt.Errorf("%q is no number from 0 up", value)
		}
		if f == 0 {
			f = -1 // asks for none
		}
		*field(c) = f
		return nil
	}
}

func duration(field func(*Config) *time.Duration) func(*Config, string) error {
	return func(c *Config, value string) error {
		d, err := time.ParseDuration(value)
		if err != nil || d < 0 {
			return fmt.Errorf("%q is no duration such as 500ms or 10s", value)
		}
		if d == 0 {
			d = -1 // asks for none
		}
		*field(c) = d
		return nil
	}
}

func words(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, value string) error {
		*field(c) = value
		return nil
	}
}

func setTLSVersion(c *Config, value string) error {
	if tlsVersions[value] == 0 {
		return fmt.Errorf("%q is neither 1.2 nor 1.3", value)
	}
	c.TLSVersion = value
	return nil
}

func setWSFrames(c *Config, value string) error {
	if value != framePerFlush && value != framePerPacket {
		return fmt.Errorf("%q is neither flush nor packet", value)
	}
	c.WSFrames = value
	return nil
}

func setVersion(c *Config, value string) error {
	switch strings.TrimPrefix(value, "mqttv") {
	case "311", "4":
		c.Version = mqtt.V311
	case "5":
		c.Version = mqtt.V5
	default:
		return fmt.Errorf("%q is neither 311 nor 5", value)
	}
	return nil
}

func setQoS(c *Config, value string) error {
	if len(value) != 1 || value[0] < '0' || value[0] > '2' {
		return fmt.Errorf("%q is neither 0, 1 nor 2", value)
	}
	if c.QoS = value[0] - '0'; c.QoS == 0 {
		c.QoS = QoS0
	}
	return nil
}

func boolean(field func(*Config) *bool) func(*Config, string) error {
	return func(c *Config, value string) (err error) {
		if *field(c), err = strconv.ParseBool(value); err != nil {
			return fmt.Errorf("%q is neither true nor false", value)
		}
		return nil
	}
}
