package compare

import (
	"errors"
	"fmt"
	"slices"
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
	CPU     Measure = "cpu"     // broker CPU a delivery; a connection where nothing is delivered
	P50     Measure = "p50"     // of latency
	P99     Measure = "p99"     // of latency
	AckP50  Measure = "ack p50" // of a publisher's wait for PUBACK or PUBREC
	AckP99  Measure = "ack p99"
	Rate    Measure = "rate"    // deliveries a second
	Memory  Measure = "memory"  // RSS beyond the one before the first connection, a connection
	Written Measure = "written" // bytes written to the disk for a message that was published
)

const figurePrefix = "figure "

// UnmarshalYAML refuses what is not known.
func (m *Measure) UnmarshalYAML(n ast.Node) error {
	text, err := scalar(n)
	if err != nil {
		return err
	}
	switch *m = Measure(text); *m {
	case CPU, P50, P99, AckP50, AckP99, Rate, Memory, Written:
		return nil
	}
	if strings.HasPrefix(text, figurePrefix) {
		return nil
	}
	return failAt(n, "measure: %q is neither cpu, p50, p99, ack p50, ack p99, rate, memory, written nor figure NAME", text)
}

// of takes the figure from a report, in seconds, bytes or whatever the scenario counts in.
func (m Measure) of(r *bench.Report) (float64, error) {
	switch m {
	case CPU, Memory, Written:
		return m.ofBroker(r)
	case P50, P99:
		return m.ofWait(r.Latency, "no latency was measured")
	case AckP50, AckP99:
		return m.ofWait(r.Ack, "nothing was acknowledged")
	case Rate:
		return r.Rate, nil
	}
	if f := m.figure(r); f != nil {
		return f.Value, nil
	}
	return 0, fmt.Errorf("the report has no %s", m)
}

// figure is the scenario's own figure that the measure names, nil when the report does not have it.
func (m Measure) figure(r *bench.Report) *bench.Figure {
	name, own := strings.CutPrefix(string(m), figurePrefix)
	i := slices.IndexFunc(r.Figures, func(f bench.Figure) bool { return f.Name == name })
	if !own || i < 0 {
		return nil
	}
	return &r.Figures[i]
}

func (m Measure) ofBroker(r *bench.Report) (float64, error) {
	b := r.Broker
	switch {
	case b == nil:
		return 0, fmt.Errorf("the broker's process could not be read")
	case m == CPU:
		return cpu(r)
	case m == Written:
		if r.Sent == 0 {
			return 0, fmt.Errorf("nothing was published in the counted time")
		}
		return float64(b.Disk) / float64(r.Sent), nil
	}
	if n := connections(r); n > 0 {
		return max(0, float64(b.RSS)-float64(b.RSSBefore)) / float64(n), nil
	}
	return 0, fmt.Errorf("no connection was made")
}

func (m Measure) ofWait(p *bench.Percentiles, none string) (float64, error) {
	switch {
	case p == nil || p.Count == 0:
		return 0, errors.New(none)
	case m == P50 || m == AckP50:
		return p.P50.Seconds(), nil
	}
	return p.P99.Seconds(), nil
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
	case CPU, P50, P99, AckP50, AckP99:
		return human.Duration(time.Duration(v * 1e9))
	case Rate:
		return human.Number(v) + "/s"
	case Memory:
		return human.Number(v) + " B"
	case Written:
		return human.Bytes(v)
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
	case AckP50:
		return "p50 to PUBACK"
	case AckP99:
		return "p99 to PUBACK"
	case Written:
		return "to disk a message"
	case Rate:
		return "deliveries"
	}
	return strings.TrimPrefix(string(m), figurePrefix)
}
