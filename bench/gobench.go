package bench

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"unicode"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// GoBench writes the report as a line of Go's benchmark format, so that benchstat compares any two:
//
//	BenchmarkP2P/publishers=50/…/qos=0/window=16/version=311-1  240000  8310 ns/op  8100 cpu-ns/delivery  …
//
// The name holds what was asked for and nothing that was found, so that runs against two brokers are the same benchmark;
// its last number is the generator's event loops. An op is a delivery, or what the scenario counts in its place. A run with
// faults has no line: half a result would be compared like a whole one. It says FAIL, which benchstat leaves out.
func (r *Report) GoBench(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "goos: %s\ngoarch: %s\n", runtime.GOOS, runtime.GOARCH)
	if r.Env.CPU != "" {
		fmt.Fprintf(&b, "cpu: %s\n", r.Env.CPU)
	}
	name := "Benchmark" + r.benchName()
	if r.Failed() {
		fmt.Fprintf(&b, "--- FAIL: %s\n    %s\n", name, &r.Faults)
		_, err := w.Write(b.Bytes())
		return err
	}
	measures := r.measures()
	for _, m := range measures {
		if m.better != "" {
			fmt.Fprintf(&b, "Unit %s better=%s\n", m.unit, m.better)
		}
	}
	fmt.Fprintf(&b, "%s-%d\t%d", name, max(1, r.Config.Threads), max(1, r.ops()))
	for _, m := range measures {
		fmt.Fprintf(&b, "\t%s %s", strconv.FormatFloat(m.value, 'g', 6, 64), m.unit)
	}
	b.WriteByte('\n')
	_, err := w.Write(b.Bytes())
	return err
}

// ops is how often the scenario did what it is about.
func (r *Report) ops() uint64 {
	switch {
	case r.Delivered > 0:
		return r.Delivered
	case r.Sent > 0:
		return r.Sent
	case r.Subscribe != nil && r.Subscribe.Count > 0:
		return r.Subscribe.Count
	case r.Connect != nil:
		return r.Connect.Count
	}
	return 0
}

func (r *Report) benchName() string {
	c := &r.Config
	name := c.Scenario
	if c.Preset != "" {
		name = c.Preset
	}
	parts := []string{camel(name)}
	for _, part := range []struct {
		key string
		n   float64
	}{
		{"publishers", float64(c.Publishers)}, {"subscribers", float64(c.Subscribers)}, {"clients", float64(c.Clients)}, {"topics", float64(c.Topics)},
		{"filters", float64(c.Filters)}, {"messages", float64(c.Messages)}, {"payload", float64(c.Payload)}, {"window", float64(c.Window)},
		{"rate", c.Rate}, {"connect-rate", c.ConnectRate},
	} {
		if part.n != 0 {
			parts = append(parts, part.key+"="+strconv.FormatFloat(part.n, 'f', -1, 64))
		}
	}
	if c.AwaitAll && c.QoS > 0 {
		parts = append(parts, "await-all=true")
	}
	if c.Persistent {
		parts = append(parts, "persistent=true")
	}
	if a, err := parseAddress(c.Addr); err == nil && a.transport() != "tcp" {
		parts = append(parts, "transport="+a.transport())
	}
	if c.TLSResume {
		parts = append(parts, "tls-resume=true")
	}
	version := "311"
	if c.Version == mqtt.V5 {
		version = "5"
	}
	return strings.Join(append(parts, fmt.Sprintf("qos=%d", c.QoS), "version="+version), "/")
}

// camel makes a name that Go's format takes: slow-consumer is SlowConsumer, p2p is P2P.
func camel(name string) string {
	if name == "p2p" {
		return "P2P"
	}
	var b strings.Builder
	up := true
	for _, c := range name {
		switch {
		case !unicode.IsLetter(c) && !unicode.IsDigit(c):
			up = true
		case up:
			b.WriteRune(unicode.ToUpper(c))
			up = false
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// measure is one value of a benchmark line. Units end up as column titles, so they hold no spaces.
type measure struct {
	value  float64
	unit   string
	better string // higher or lower, where benchstat cannot know
}

func (r *Report) measures() []measure {
	m := []measure{{float64(r.Elapsed) / float64(max(1, r.ops())), "ns/op", ""}}
	add := func(value float64, unit, better string) { m = append(m, measure{value, unit, better}) }
	if b := r.Broker; b != nil {
		if b.CPUPerDelivery > 0 {
			add(b.CPUPerDelivery*1e3, "cpu-ns/delivery", "lower")
		}
		add(b.Cores, "cores", "lower")
		add(float64(b.RSS), "rss-B", "lower")
		if b.Disk > 0 {
			add(float64(b.Disk), "disk-B", "lower")
		}
		if b.WritesPerDeliv > 0 {
			add(b.WritesPerDeliv, "writes/delivery", "lower")
		}
	}
	if r.Delivered > 0 {
		add(r.Rate, "deliveries/s", "higher")
	}
	for _, p := range []struct {
		prefix string
		of     *Percentiles
	}{{"", r.Latency}, {"ack-", r.Ack}, {"connect-", r.Connect}, {"subscribe-", r.Subscribe}} {
		if p.of == nil || p.of.Count == 0 || r.Delivered > 0 && p.of != r.Latency && p.of != r.Ack { // where messages count, connecting is but the way there
			continue
		}
		add(float64(p.of.P50), p.prefix+"p50-ns", "lower")
		add(float64(p.of.P99), p.prefix+"p99-ns", "lower")
		add(float64(p.of.Max), p.prefix+"max-ns", "lower")
	}
	for _, f := range r.Figures {
		better := "higher"
		if f.Less {
			better = "lower"
		}
		add(f.Value, unitOf(f), better)
	}
	return m
}

// unitOf joins a figure's name and unit to one word.
func unitOf(f Figure) string {
	return strings.Join(strings.FieldsFunc(f.Name+" "+f.Unit, func(c rune) bool {
		return unicode.IsSpace(c) || c == ':' || c == '='
	}), "-")
}
