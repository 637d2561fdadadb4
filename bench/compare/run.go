package compare

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/penstock-mqtt/penstock/bench"
	"github.com/penstock-mqtt/penstock/bench/internal/human"
	"github.com/penstock-mqtt/penstock/bench/internal/pki"
)

// Options are what a comparison needs besides its spec.
type Options struct {
	Self   string                                                                // this program, for {self}
	Log    io.Writer                                                             // a line a run
	Only   []string                                                              // names or patterns of scenarios; all when empty
	Rounds int                                                                   // in place of the spec's, when above 0
	Data   string                                                                // folder in which brokers keep their data while they are measured; the system's for temporary files when empty
	Run    func(ctx context.Context, config bench.Config) (*bench.Report, error) // bench.Run
}

// comparison is one that goes on.
type comparison struct {
	*Spec
	Options
	rounds int
	result *Result
	bins   string // folder of what was built
	certs  pki.Files
	places map[string]map[string]string
	done   int
	all    int
	began  time.Time
}

// Run carries a comparison out. When ctx ends it early, the result holds what was measured until then, and the error says so.
func Run(ctx context.Context, s *Spec, o Options) (*Result, error) {
	bins, err := os.MkdirTemp("", "penstock-compare-bin-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(bins)
	c := &comparison{Spec: s, Options: o, bins: bins, places: map[string]map[string]string{}, began: time.Now()}
	if c.rounds = s.Rounds; o.Rounds > 0 {
		c.rounds = o.Rounds
	}
	rows, err := c.chosen()
	if err != nil {
		return nil, err
	}
	if err := c.resolvable(rows); err != nil {
		return nil, err
	}
	if err := c.certify(); err != nil {
		return nil, err
	}
	defer os.RemoveAll(filepath.Dir(c.certs.CA))
	c.result = &Result{
		Started: c.began.UTC().Truncate(time.Second), Rounds: c.rounds, Baseline: s.Baseline, Subject: s.Subject,
		Ratios: s.ratios(), Sources: s.Sources,
	}
	if slices.ContainsFunc(s.Brokers, (*Broker).keepsData) {
		if c.result.Disk, err = probe(o.Data); err != nil {
			return nil, fmt.Errorf("folder for data: %w", err)
		}
	}
	for _, b := range s.Brokers {
		c.prepare(ctx, b)
	}
	c.count(rows)
	for _, row := range rows {
		if err = c.row(ctx, row); err != nil {
			c.result.Partial = err.Error()
			break
		}
	}
	c.result.Took = time.Since(c.began)
	return c.result, err
}

// certify makes the certificates, in a folder that brokers can read as whatever user they become.
func (c *comparison) certify() error {
	dir, err := os.MkdirTemp("", "penstock-compare-certs-")
	if err != nil {
		return err
	}
	if c.certs, err = pki.Write(dir, pki.ECDSA); err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		os.RemoveAll(dir)
	}
	return err
}

// chosen are the scenarios that Only names, and those that their rates refer to.
func (c *comparison) chosen() ([]*Scenario, error) {
	if len(c.Only) == 0 {
		return c.Scenarios, nil
	}
	wanted := map[string]bool{}
	for _, pattern := range c.Only {
		found := false
		for _, s := range c.Scenarios {
			if ok, err := filepath.Match(pattern, s.Name); err != nil {
				return nil, fmt.Errorf("%s: %w", pattern, err)
			} else if ok {
				wanted[s.Name], found = true, true
			}
		}
		if !found {
			return nil, fmt.Errorf("%s: no scenario of the spec is called so", pattern)
		}
	}
	for _, s := range slices.Backward(c.Scenarios) {
		for _, o := range s.With {
			if wanted[s.Name] && o.of != nil {
				wanted[o.of.scenario] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(c.Scenarios), func(s *Scenario) bool { return !wanted[s.Name] }), nil
}

// resolvable finds scenarios and options that cannot be before anything is measured.
func (c *comparison) resolvable(rows []*Scenario) error {
	for _, s := range rows {
		config := bench.Config{Scenario: s.Run, Addr: s.Over.addr("1883")}
		for _, o := range slices.Concat(c.Defaults, s.With) {
			if o.of != nil {
				config.Rate = 1000 // as good as any
			} else if err := config.Set(o.name, o.value); err != nil {
				return c.fail(o.line, "%v", err)
			}
		}
		if _, err := config.Resolve(); err != nil {
			return c.fail(s.line, "scenario %s: %v", s.Name, err)
		}
	}
	return nil
}

// prepare builds a broker and asks for its version. What does not work out is kept as the reason why it takes no part.
func (c *comparison) prepare(ctx context.Context, b *Broker) {
	state := BrokerState{Name: b.Name}
	c.places[b.Name] = map[string]string{
		"self": c.Self, "spec": c.dir, "bin": filepath.Join(c.bins, b.Name),
		"cert": c.certs.Cert, "key": c.certs.Key, "ca": c.certs.CA,
	}
	if err := c.build(ctx, b, &state); err != nil {
		state.Missing = err.Error()
		if b.Get != "" {
			state.Missing += "; to get it: " + b.Get
		}
		c.logf("%s takes no part: %s", b.Name, state.Missing)
	} else {
		c.logf("%s: %s", b.Name, cmp.Or(state.Version, "version not known"))
	}
	c.result.Brokers = append(c.result.Brokers, state)
}

func (c *comparison) build(ctx context.Context, b *Broker, state *BrokerState) error {
	replace := replacer(c.places[b.Name])
	if len(b.Build) > 0 {
		cmd, err := command(b.Build, replace)
		if err != nil {
			return fmt.Errorf("build: %w", err)
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build: %w: %s", err, bytes.TrimSpace(out[max(0, len(out)-300):]))
		}
	}
	if _, err := command(b.Command, replace); err != nil {
		return err
	}
	if len(b.Version) == 0 {
		return nil
	}
	cmd, err := command(b.Version, replace)
	if err != nil {
		return err
	}
	out, err := cmd.CombinedOutput() // mosquitto -h says it and fails all the same
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("ask for the version: %w", err)
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	state.Version = strings.TrimSpace(first)
	return ctx.Err()
}

// present are the brokers that take part in a scenario.
func (c *comparison) present(s *Scenario) []*Broker {
	var there []*Broker
	for i, b := range c.Brokers {
		if s.takesPart(b) && c.result.Brokers[i].Missing == "" {
			there = append(there, b)
		}
	}
	return there
}

func (c *comparison) count(rows []*Scenario) {
	for _, s := range rows {
		c.all += c.rounds * len(c.present(s))
	}
}

// row measures one scenario: rounds in which the brokers take turns, each round begun by the next of them.
func (c *comparison) row(ctx context.Context, s *Scenario) error {
	row := &Row{Name: s.Name, Title: s.Title, Measure: s.Measure, Also: s.Also, AtMost: s.AtMost, Below: s.Below, References: s.References}
	c.result.Rows = append(c.result.Rows, row)
	brokers := c.present(s)
	config, err := c.config(s)
	if err != nil {
		row.Skipped = err.Error()
		c.done += c.rounds * len(brokers)
		c.logf("%s: skipped: %v", s.Name, err)
		return nil
	}
	for round := range c.rounds {
		for i := range brokers {
			b := brokers[(round+i)%len(brokers)]
			run := c.run(ctx, s, b, config)
			if err := ctx.Err(); err != nil { // what an interrupt has cut short says nothing about the broker
				return fmt.Errorf("ended early: %w", context.Cause(ctx))
			}
			run.Round = round + 1
			row.Runs = append(row.Runs, run)
			c.done++
			c.logf("[%d/%d] %s, round %d of %d, %s: %s%s", c.done, c.all, s.Name, run.Round, c.rounds, b.Name, run.brief(s.Measure), c.left())
		}
	}
	return nil
}

// left guesses from what it took so far.
func (c *comparison) left() string {
	if c.done < 3 || c.done >= c.all {
		return ""
	}
	each := time.Since(c.began) / time.Duration(c.done)
	return "   (" + (each * time.Duration(c.all-c.done)).Round(time.Second).String() + " left)"
}

// config puts the options of a scenario together.
func (c *comparison) config(s *Scenario) (bench.Config, error) {
	config := bench.Config{Scenario: s.Run}
	for _, o := range slices.Concat(c.Defaults, s.With) {
		if o.of != nil {
			rate := c.result.cell(o.of.scenario, o.of.broker).Rate.Median
			if rate <= 0 {
				return config, fmt.Errorf("its rate is a share of what %s delivers in %s, which was not measured", o.of.broker, o.of.scenario)
			}
			config.Rate = math.Round(rate * o.of.share)
			continue
		}
		if err := config.Set(o.name, o.value); err != nil {
			return config, err
		}
	}
	return config, nil
}

// run measures one broker once, in a process of its own.
func (c *comparison) run(ctx context.Context, s *Scenario, b *Broker, config bench.Config) Measurement {
	run := Measurement{Broker: b.Name}
	p, err := start(ctx, b, s.Over, &c.certs, c.places[b.Name], s.Settings[b.Name], c.Data)
	if err != nil {
		run.Error = "start: " + err.Error()
		return run
	}
	config.Addr, config.PID = p.addr, p.cmd.Process.Pid
	config.Restart = func(ctx context.Context) (bench.Restarted, error) { return p.restart(ctx, s.Kindly) }
	s.Over.trust(&config, &c.certs)
	run.Report, err = c.Options.Run(ctx, config)
	if over := p.over(); over != nil {
		err = over
	}
	if err != nil {
		run.Error = err.Error()
	}
	if err := p.stop(endWithin); err != nil {
		c.logf("%s: %v", b.Name, err)
	}
	return run
}

func (c *comparison) logf(format string, a ...any) {
	if c.Log != nil {
		fmt.Fprintf(c.Log, format+"\n", a...)
	}
}

// brief is a run in a few words.
func (r *Measurement) brief(m Measure) string {
	v, err := r.value(m)
	if err != nil {
		return "FAILED: " + err.Error()
	}
	text := m.what() + " " + m.textOf(r.Report, v)
	if r.Report.Rate > 0 && m != Rate {
		text += ", " + human.Short(r.Report.Rate) + " deliveries/s"
	}
	if l := r.Report.Latency; l != nil && l.Count > 0 && m != P99 {
		text += ", p99 " + human.Duration(l.P99)
	}
	if r.Report.Load.Limit {
		text += ", the generator was the limit"
	}
	return text
}
