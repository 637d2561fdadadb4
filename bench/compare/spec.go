package compare

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/penstock-mqtt/penstock/bench"
)

// Spec says what is compared.
type Spec struct {
	Rounds    int               `yaml:"rounds"`   // of every scenario
	Baseline  string            `yaml:"baseline"` // the broker that the others are set against
	Subject   string            `yaml:"subject"`  // the broker that targets are for
	Ratios    []ratio           `yaml:"ratios"`   // who is set against whom; when none are named, all against the baseline
	Defaults  options           `yaml:"defaults"` // of all scenarios
	Sources   map[string]string `yaml:"sources"`  // where references come from, by name
	Brokers   []*Broker         `yaml:"brokers"`
	Scenarios []*Scenario       `yaml:"scenarios"`

	name string // of the file, for errors
	dir  string // of the file: {spec}
}

// Broker is a program to start. In its command lines and its file these are replaced:
//
//	{port}  a free port of 127.0.0.1     {conf}  the file made from Config
//	{dir}   an empty folder              {bin}   what Build is to make
//	{self}  this program                 {spec}  the folder of the spec
//	{data}  an empty folder for what it keeps, below Options.Data
//
// and, for what it is to serve besides TCP, the ports {port-tls}, {port-mtls}, {port-ws} and {port-wss} with the files
// {cert}, {key} and {ca}, made for the comparison on ECDSA P-256. In a scenario over a transport whose port it is not given
// it takes no part.
type Broker struct {
	Name    string `yaml:"name"`
	Command words  `yaml:"command"`
	Config  string `yaml:"config"`
	Version words  `yaml:"version"` // says in its first line which version it is
	Build   words  `yaml:"build"`   // run once, in the current folder
	Get     string `yaml:"get"`     // how to get it, for people who do not have it

	line int
}

// Scenario is one row: a load, and what is compared of it.
type Scenario struct {
	Name       string            `yaml:"name"`
	Title      string            `yaml:"title"`
	Over       Over              `yaml:"over"`    // what lies under MQTT: tcp, tls, mtls, ws or wss
	Run        string            `yaml:"run"`     // scenario or preset of package bench
	With       options           `yaml:"with"`    // its options, by the names of the command's flags
	Measure    Measure           `yaml:"measure"` // what is compared; CPU when nothing is said
	Also       []Measure         `yaml:"also"`    // what is shown of the same runs besides
	AtMost     *Share            `yaml:"at_most"` // target: the subject's share of the baseline's figure
	Below      float64           `yaml:"below"`   // target: the subject's own figure, in bytes, seconds or the scenario's unit
	References []Reference       `yaml:"references"`
	Kindly     bool              `yaml:"kindly"`   // a broker that is to start again is asked to end, and not killed
	Brokers    []string          `yaml:"brokers"`  // who takes part; all when nothing is said
	Settings   map[string]string `yaml:"settings"` // by broker: what its file holds besides, in this scenario

	line int
}

// Reference is somebody else's figure, measured elsewhere.
type Reference struct {
	Name  string `yaml:"name" json:"name"`
	Share Share  `yaml:"share" json:"share"` // of the baseline's figure on the same machine
}

// Load reads and checks a spec. Its errors begin with file and line.
func Load(path string) (*Spec, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read spec: %w", err)
	}
	s := &Spec{Rounds: 1, name: filepath.Base(path)}
	if s.dir, err = filepath.Abs(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("read spec: %w", err)
	}
	if err := yaml.UnmarshalWithOptions(text, s, yaml.Strict()); err != nil {
		return nil, s.located(err)
	}
	return s, s.validate()
}

// located turns the parser's picture of the source into one line with file and line.
func (s *Spec) located(err error) error {
	var at *lineError
	if errors.As(err, &at) {
		return s.fail(at.line, "%s", at.text)
	}
	text, line := err.Error(), 0
	var ye yaml.Error
	if errors.As(err, &ye) && ye.GetToken() != nil {
		text, line = ye.GetMessage(), ye.GetToken().Position.Line
	}
	text, _, _ = strings.Cut(text, "\n")
	return s.fail(line, "%s", text)
}

func (s *Spec) fail(line int, format string, a ...any) error {
	place := s.name
	if line > 0 {
		place += ":" + strconv.Itoa(line)
	}
	return fmt.Errorf("%s: %s", place, fmt.Sprintf(format, a...))
}

// lineError is a value that is wrong where it stands.
type lineError struct {
	line int
	text string
}

func (e *lineError) Error() string { return e.text }

func failAt(n ast.Node, format string, a ...any) error {
	return &lineError{n.GetToken().Position.Line, fmt.Sprintf(format, a...)}
}

// UnmarshalYAML keeps the line.
func (b *Broker) UnmarshalYAML(n ast.Node) error {
	type plain Broker
	b.line = n.GetToken().Position.Line
	return yaml.NodeToValue(n, (*plain)(b), yaml.Strict())
}

// UnmarshalYAML keeps the line.
func (s *Scenario) UnmarshalYAML(n ast.Node) error {
	type plain Scenario
	s.line = n.GetToken().Position.Line
	return yaml.NodeToValue(n, (*plain)(s), yaml.Strict())
}

func (s *Spec) validate() error {
	switch {
	case s.Rounds < 1:
		return s.fail(0, "rounds: must be at least 1")
	case len(s.Brokers) == 0:
		return s.fail(0, "brokers: none is named")
	case len(s.Scenarios) == 0:
		return s.fail(0, "scenarios: none is named")
	case s.Baseline != "" && s.broker(s.Baseline) == nil:
		return s.fail(0, "baseline: there is no broker %q", s.Baseline)
	case s.Subject != "" && s.broker(s.Subject) == nil:
		return s.fail(0, "subject: there is no broker %q", s.Subject)
	}
	for i, b := range s.Brokers {
		switch {
		case b.Name == "":
			return s.fail(b.line, "a broker without a name")
		case len(b.Command) == 0:
			return s.fail(b.line, "broker %s: command is missing", b.Name)
		case slices.ContainsFunc(s.Brokers[:i], func(o *Broker) bool { return o.Name == b.Name }):
			return s.fail(b.line, "broker %s: there are two of them", b.Name)
		}
	}
	for _, r := range s.Ratios {
		for _, name := range []string{r.Of, r.To} {
			if s.broker(name) == nil {
				return s.fail(r.line, "ratios: there is no broker %q", name)
			}
		}
	}
	for i, c := range s.Scenarios {
		if err := s.validateScenario(i, c); err != nil {
			return err
		}
	}
	return nil
}

func (s *Spec) validateScenario(i int, c *Scenario) error {
	switch {
	case c.Name == "":
		return s.fail(c.line, "a scenario without a name")
	case c.Run == "":
		return s.fail(c.line, "scenario %s: run is missing", c.Name)
	case s.scenario(c.Name) != c:
		return s.fail(c.line, "scenario %s: there are two of them", c.Name)
	case c.Below < 0 || c.Below > 0 && s.Subject == "":
		return s.fail(c.line, "scenario %s: below needs a subject, and a value above 0", c.Name)
	case c.AtMost != nil && c.Below > 0:
		return s.fail(c.line, "scenario %s: at_most and below are two targets", c.Name)
	case c.AtMost != nil && (s.Subject == "" || s.Baseline == ""):
		return s.fail(c.line, "scenario %s: at_most needs a subject and a baseline", c.Name)
	}
	if c.Title == "" {
		c.Title = c.Name
	}
	if c.Measure == "" {
		c.Measure = CPU
	}
	for _, name := range c.Brokers {
		if s.broker(name) == nil {
			return s.fail(c.line, "scenario %s: there is no broker %q", c.Name, name)
		}
	}
	for name := range c.Settings {
		if b := s.broker(name); b == nil || b.Config == "" {
			return s.fail(c.line, "scenario %s: settings for %q, which is no broker with a config", c.Name, name)
		}
	}
	for _, o := range slices.Concat(s.Defaults, c.With) {
		if err := s.validateOption(i, o); err != nil {
			return err
		}
	}
	return nil
}

// validateOption tries an option on a Config of its own, and finds what a relative rate is relative to.
func (s *Spec) validateOption(scenario int, o option) error {
	if o.of == nil {
		if err := new(bench.Config).Set(o.name, o.value); err != nil {
			return s.fail(o.line, "%v", err)
		}
		return nil
	}
	before := slices.IndexFunc(s.Scenarios, func(c *Scenario) bool { return c.Name == o.of.scenario })
	switch {
	case s.broker(o.of.broker) == nil:
		return s.fail(o.line, "%s: there is no broker %q", o.name, o.of.broker)
	case before < 0:
		return s.fail(o.line, "%s: there is no scenario %q", o.name, o.of.scenario)
	case before >= scenario:
		return s.fail(o.line, "%s: scenario %s is not measured before this one", o.name, o.of.scenario)
	}
	return nil
}

// ratios are those that are named, or those of all others to the baseline.
func (s *Spec) ratios() []ratio {
	if len(s.Ratios) > 0 || s.Baseline == "" {
		return s.Ratios
	}
	var all []ratio
	for _, b := range s.Brokers {
		if b.Name != s.Baseline {
			all = append(all, ratio{Of: b.Name, To: s.Baseline})
		}
	}
	return all
}

func (s *Spec) broker(name string) *Broker {
	for _, b := range s.Brokers {
		if b.Name == name {
			return b
		}
	}
	return nil
}

func (s *Spec) scenario(name string) *Scenario {
	for _, c := range s.Scenarios {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// keepsData tells whether a broker has been given a folder for it.
func (b *Broker) keepsData() bool {
	return strings.Contains(b.Config, "{data}") || slices.ContainsFunc(b.Command, func(w string) bool { return strings.Contains(w, "{data}") })
}

// takesPart tells whether a broker is measured in a scenario.
func (c *Scenario) takesPart(b *Broker) bool {
	return (len(c.Brokers) == 0 || slices.Contains(c.Brokers, b.Name)) && b.serves(c.Over)
}
