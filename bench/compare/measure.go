package compare

import (
	"fmt"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/penstock-mqtt/penstock/bench"
	"github.com/penstock-mqtt/penstock/bench/internal/human"
)

// Measure is the figure that a row compares. "figure NAME" is one of the scenario's own.
type Measure string

// What every report may hold. Less is better in all of them but Rate.
const (
	CPU    Measure = "cpu"    // broker CPU a delivery; a connection where nothing is delivered
	P50    Measure = "p50"    // of latency
	P99    Measure = "p99"    // of latency
	Rate   Measure = "rate"   // deliveries a second
	Memory Measure = "memory" // RSS beyond the one before the first connection, a connection
)

const figurePrefix = "figure "

// UnmarshalYAML refuses what is not known.
func (m *Measure) UnmarshalYAML(n ast.Node) error {
	text, err := scalar(n)
	if err != nil {
		return err
	}
	switch *m = Measure(text); *m {
	case CPU, P50, P99, Rate, Memory:
		return nil
	}
	if strings.HasPrefix(text, figurePrefix) {
		return nil
	}
	return failAt(n, "measure: %q is neither cpu, p50, p99, rate, memory nor figure NAME", text)
}

// of takes the figure from a report, in seconds, bytes or whatever the scenario counts in.
func (m Measure) of(r *bench.Report) (float64, error) {
	switch b := r.Broker; m {
	case CPU, Memory:
		if b == nil {
			return 0, fmt.Errorf("the broker's process could not be read")
		}
		if m == CPU {
			return cpu(r)
		}
		if n := connections(r); n > 0 {
			return max(0, float64(b.RSS)-float64(b.RSSBefore)) / float64(n), nil
		}
		return 0, fmt.Errorf("no connection was made")
	case P50, P99:
		if r.Latency == nil || r.Latency.Count == 0 {
			return 0, fmt.Errorf("no latency was measured")
		}
		if m == P50 {
			return r.Latency.P50.Seconds(), nil
		}
		return r.Latency.P99.Seconds(), nil
	case Rate:
		return r.Rate, nil
	}
	for _, f := range r.Figures {
		if f.Name == strings.TrimPrefix(string(m), figurePrefix) {
			return f.Value, nil
		}
	}
	return 0, fmt.Errorf("the report has no %s", m)
}

func cpu(r *bench.Report) (float64, error) {
	switch {
	case r.Broker.CPUPerDelivery > 0:
		return r.Broker.CPUPerDelivery / 1e6, nil
	case r.Connect != nil && r.Connect.Count > 0:
		return r.Broker.CPU.Seconds() / float64(r.Connect.Count), nil
	}
	return 0, fmt.Errorf("nothing was delivered and nobody connected")
}

// connections are those that are held: the scenario's clients of all kinds.
func connections(r *bench.Report) int {
	return r.Config.Clients + r.Config.Publishers + r.Config.Subscribers
}

// text writes a value with its unit.
func (m Measure) text(v float64) string {
	switch m {
	case CPU, P50, P99:
		return human.Duration(time.Duration(v * 1e9))
	case Rate:
		return human.Number(v) + "/s"
	case Memory:
		return human.Number(v) + " B"
	}
	return human.Number(v)
}

// what names the measure in a table.
func (m Measure) what() string {
	switch m {
	case CPU:
		return "CPU"
	case Memory:
		return "RSS a connection"
	case P50, P99:
		return string(m) + " latency"
	case Rate:
		return "deliveries"
	}
	return strings.TrimPrefix(string(m), figurePrefix)
}
