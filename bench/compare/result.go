package compare

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/penstock-mqtt/penstock/bench"
)

// Result is what a comparison has found. As JSON it holds every run with its whole report, whose units are those that
// package bench documents.
type Result struct {
	Started  time.Time         `json:"started"`
	Took     time.Duration     `json:"took"`              // nanoseconds
	Rounds   int               `json:"rounds"`            // that were to be
	Partial  string            `json:"partial,omitempty"` // why it ended before they were all measured
	Baseline string            `json:"baseline,omitempty"`
	Subject  string            `json:"subject,omitempty"`
	Ratios   []ratio           `json:"ratios,omitempty"`
	Disk     *Disk             `json:"disk,omitempty"` // that brokers kept their data on
	Sources  map[string]string `json:"sources,omitempty"`
	Brokers  []BrokerState     `json:"brokers"`
	Rows     []*Row            `json:"rows"`
}

// BrokerState is a broker that was to take part.
type BrokerState struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	Missing string `json:"missing,omitempty"` // why it took no part
}

// Row is a scenario with all its runs.
type Row struct {
	Name       string        `json:"name"`
	Title      string        `json:"title"`
	Measure    Measure       `json:"measure"`
	Also       []Measure     `json:"also,omitempty"`
	AtMost     *Share        `json:"atMost,omitempty"`
	Below      float64       `json:"below,omitempty"`
	References []Reference   `json:"references,omitempty"`
	Skipped    string        `json:"skipped,omitempty"` // why it was not measured
	Runs       []Measurement `json:"runs"`
}

// Measurement is one run of one broker.
type Measurement struct {
	Round  int           `json:"round"`
	Broker string        `json:"broker"`
	Error  string        `json:"error,omitempty"` // why there is no report, or none that counts
	Report *bench.Report `json:"report,omitempty"`
}

// value is the figure of a run, or the reason why it has none.
func (r *Measurement) value(m Measure) (float64, error) {
	switch {
	case r.Error != "":
		return 0, errors.New(r.Error)
	case r.Report == nil:
		return 0, errors.New("no report")
	case r.Report.Failed():
		return 0, errors.New(r.Report.Faults.String())
	}
	return m.of(r.Report)
}

// spread is a figure over the rounds.
type spread struct {
	Median, Min, Max float64
	N                int
}

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	slices.Sort(values)
	n := len(values)
	return spread{Median: (values[(n-1)/2] + values[n/2]) / 2, Min: values[0], Max: values[n-1], N: n}
}

// cell is what one broker came to in one row.
type cell struct {
	Value, Rate, P99 spread
	Runs             int      // those that failed included
	Limited          int      // runs in which the generator was the limit
	Behind           int      // runs in which deliveries fell behind what was sent
	Failures         []string // why runs have failed
}

// cell is of the measure that the row compares.
func (r *Row) cell(broker string) cell { return r.cellOf(broker, r.Measure) }

// cellOf is of any measure.
func (r *Row) cellOf(broker string, m Measure) cell {
	var c cell
	var values, rates, latencies []float64
	for i := range r.Runs {
		run := &r.Runs[i]
		if run.Broker != broker {
			continue
		}
		c.Runs++
		v, err := run.value(m)
		if err != nil {
			c.Failures = append(c.Failures, fmt.Sprintf("round %d: %v", run.Round, err))
			continue
		}
		values = append(values, v)
		if run.Report.Rate > 0 {
			rates = append(rates, run.Report.Rate)
		}
		if l := run.Report.Latency; l != nil && l.Count > 0 {
			latencies = append(latencies, l.P99.Seconds())
		}
		if run.Report.Load.Limit {
			c.Limited++
		}
		if run.Report.FellBehind() {
			c.Behind++
		}
	}
	c.Value, c.Rate, c.P99 = spreadOf(values), spreadOf(rates), spreadOf(latencies)
	return c
}

func (r *Result) cell(row, broker string) cell {
	for _, candidate := range r.Rows {
		if candidate.Name == row {
			return candidate.cell(broker)
		}
	}
	return cell{}
}

// share is a broker's median over another's; 0 when either is not known.
func (r *Row) share(m Measure, of, to string) Share {
	base, own := r.cellOf(to, m).Value, r.cellOf(of, m).Value
	if base.N == 0 || own.N == 0 || base.Median <= 0 {
		return 0
	}
	return Share(own.Median / base.Median)
}

// verdict says whether the subject's target is met: "yes", "NO", or "?" where it cannot be told. A run that failed is no
// way to meet a target.
func (r *Result) verdict(row *Row) string {
	share, own := row.share(row.Measure, r.Subject, r.Baseline), row.cell(r.Subject)
	switch {
	case row.AtMost == nil && row.Below == 0:
		return ""
	case len(own.Failures) > 0:
		return "NO"
	case own.Value.N == 0 || row.AtMost != nil && share == 0:
		return "?"
	case row.AtMost != nil && share <= *row.AtMost, row.AtMost == nil && own.Value.Median < row.Below:
		return "yes"
	}
	return "NO"
}

// Failed reports whether a run of any broker failed, or a row could not be measured.
func (r *Result) Failed() bool {
	for _, row := range r.Rows {
		if row.Skipped != "" {
			return true
		}
		for i := range row.Runs {
			if _, err := row.Runs[i].value(row.Measure); err != nil {
				return true
			}
		}
	}
	return false
}

// env is the machine, as the first report tells, and how much of its CPU others used: the median run's share and the worst.
func (r *Result) env() (env bench.Env, others spread) {
	var shares []float64
	for _, row := range r.Rows {
		for i := range row.Runs {
			if report := row.Runs[i].Report; report != nil {
				if len(shares) == 0 {
					env = report.Env
				}
				shares = append(shares, report.Env.Others)
			}
		}
	}
	return env, spreadOf(shares)
}

// JSON writes all of it.
func (r *Result) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
