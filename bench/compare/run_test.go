package compare

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/bench"
	"github.com/penstock-mqtt/penstock/engine"
)

// The test binary is a broker when it is called so: `compare.test broker PORT`, and
// `compare.test deaf PORT` is one that takes no notice of SIGTERM. What follows the port are further listeners.
func TestMain(m *testing.M) {
	if len(os.Args) >= 3 && (os.Args[1] == "broker" || os.Args[1] == "deaf") {
		if err := serve(os.Args[2], os.Args[3:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	// A broker that is built with the race detector would stay a second longer at its end, to see races of that moment. What the
	// caller asked for comes last and wins.
	if err := os.Setenv("GORACE", strings.TrimSpace("atexit_sleep_ms=0 "+os.Getenv("GORACE"))); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func serve(port string, listeners []string) error {
	cfg := engine.DefaultConfig()
	cfg.Listeners[0].Address = "127.0.0.1:" + port
	for _, text := range listeners {
		l, err := engine.ParseListener(text)
		if err != nil {
			return err
		}
		cfg.Listeners = append(cfg.Listeners, l)
	}
	broker, err := engine.New(cfg, engine.Parts{})
	if err != nil {
		return err
	}
	if err := broker.Start(); err != nil {
		return err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	for <-signals; os.Args[1] == "deaf"; <-signals {
	}
	return broker.Stop(context.Background())
}

// load stands in for bench.Run: it gives each broker its figures, and remembers who was run in which order.
type load struct {
	t       *testing.T
	mu      sync.Mutex
	configs []bench.Config
	report  func(n int, c bench.Config) (*bench.Report, error)
}

func (l *load) run(ctx context.Context, c bench.Config) (*bench.Report, error) {
	conn, err := net.Dial("tcp", c.Addr)
	if err != nil {
		l.t.Errorf("the broker of %+v does not serve: %v", c, err)
	} else {
		conn.Close()
	}
	return l.give(ctx, c)
}

// give gives the figures without looking for the broker.
func (l *load) give(_ context.Context, c bench.Config) (*bench.Report, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.configs = append(l.configs, c)
	return l.report(len(l.configs), c)
}

func good(cpu, rate float64) *bench.Report {
	return &bench.Report{Delivered: 1000, Rate: rate, Elapsed: time.Second, Env: bench.Env{CPU: "a CPU", Cores: 2, Go: "go1"},
		Latency: &bench.Percentiles{Count: 1000, P99: 2 * time.Millisecond}, Broker: &bench.Process{CPUPerDelivery: cpu}}
}

func self(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

const twoBrokers = `rounds: 3
baseline: a
subject: b
brokers:
  - {name: a, command: "{self} broker {port}"}
  - {name: b, command: "{self} broker {port}", version: echo b 1.0}
  - {name: gone, command: no-such-broker-here, get: ask a friend}
scenarios:
  - {name: first, run: p2p, title: the first, at_most: 1/2, with: {qos: 1}}
  - {name: second, run: openloop, measure: p99, with: {rate: 20% of a in first}}
`

func compared(t *testing.T, spec string, l *load) (*Result, string) {
	t.Helper()
	s, err := Load(specFile(t, spec))
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	r, err := Run(t.Context(), s, Options{Self: self(t), Log: &log, Run: l.run})
	if err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	return r, log.String()
}

func TestBrokersTakeTurnsEachWithAFreshProcess(t *testing.T) {
	l := &load{t: t}
	aRuns := map[int]bool{1: true, 4: true, 5: true, 7: true, 10: true, 11: true} // the order moves on each round
	l.report = func(n int, c bench.Config) (*bench.Report, error) {
		if aRuns[n] {
			return good(8, 100000+float64(n)), nil
		}
		return good(2, 400000), nil
	}
	r, log := compared(t, twoBrokers, l)
	if a, b := r.cell("first", "a"), r.cell("first", "b"); a.Value.Median != 8e-6 || b.Value.Median != 2e-6 || a.Value.N != 3 {
		t.Errorf("a %+v, b %+v; log:\n%s", a, b, log)
	}
	pids := map[int]bool{}
	for _, c := range l.configs {
		pids[c.PID] = true
		if c.Scenario == "openloop" && c.Rate != 20001 { // the median of 100001, 100004 and 100005
			t.Errorf("rate %v, want a fifth of 100004, rounded", c.Rate)
		}
	}
	if len(pids) != 12 {
		t.Errorf("%d processes for 12 runs", len(pids))
	}
	for pid := range pids {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d is still there: %v", pid, err)
		}
	}
	if got := r.verdict(r.Rows[0]); got != "yes" || r.Rows[0].share(CPU, "b", "a").String() != "1/4" {
		t.Errorf("met: %q, share %v, want yes and 1/4", got, r.Rows[0].share(CPU, "b", "a"))
	}
	for name, write := range map[string]func(*bytes.Buffer) error{
		"text":     func(w *bytes.Buffer) error { return r.Text(w) },
		"markdown": func(w *bytes.Buffer) error { return r.Markdown(w) },
	} {
		var out bytes.Buffer
		if err := write(&out); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"the first", "8 µs (8 µs – 8 µs)", "1/4", "1/2", "yes", "100,004", "p99 latency", "gone took no part: ", "to get it: ask a friend", "b: b 1.0", "a CPU"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s lacks %q:\n%s", name, want, &out)
			}
		}
	}
	var out bytes.Buffer
	if err := r.JSON(&out); err != nil {
		t.Fatal(err)
	}
	var back Result
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || len(back.Rows[0].Runs) != 6 || back.Rows[0].Runs[0].Report.Rate != 100001 {
		t.Errorf("got %+v, %v", back, err)
	}
}

func TestTargetsAreJudged(t *testing.T) {
	share := Share(0.5)
	run := func(broker string, cpu float64, lost uint64) Measurement {
		r := good(cpu, 1000)
		r.Faults.Lost = lost
		return Measurement{Broker: broker, Report: r}
	}
	for _, tt := range []struct {
		row  Row
		runs []Measurement
		want string
	}{
		{Row{}, []Measurement{run("a", 8, 0), run("b", 2, 0)}, ""},
		{Row{AtMost: &share}, []Measurement{run("a", 8, 0), run("b", 4, 0)}, "yes"},
		{Row{AtMost: &share}, []Measurement{run("a", 8, 0), run("b", 4.1, 0)}, "NO"},
		{Row{AtMost: &share}, []Measurement{run("a", 8, 0), run("b", 2, 0), run("b", 2, 1)}, "NO"},
		{Row{AtMost: &share}, []Measurement{run("b", 2, 0)}, "?"},
		{Row{AtMost: &share}, []Measurement{run("a", 8, 0)}, "?"},
		{Row{Below: 3e-6}, []Measurement{run("b", 2, 0)}, "yes"},
		{Row{Below: 2e-6}, []Measurement{run("b", 2, 0)}, "NO"},
	} {
		r := &Result{Baseline: "a", Subject: "b"}
		tt.row.Measure, tt.row.Runs = CPU, tt.runs
		if got := r.verdict(&tt.row); got != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.row, got, tt.want)
		}
	}
}

func TestFailedRunsAreShownAndMeetNoTarget(t *testing.T) {
	l := &load{t: t}
	l.report = func(n int, c bench.Config) (*bench.Report, error) {
		r := good(2, 1000)
		switch n {
		case 2:
			r.Faults.Lost = 7
		case 3:
			return nil, errors.New("nobody answered")
		}
		return r, nil
	}
	r, log := compared(t, strings.Replace(twoBrokers, "at_most: 1/2", "at_most: 2", 1), l)
	var out bytes.Buffer
	if err := r.Text(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2 of 3 FAILED", "NO", "the first: b failed in 2 of 3 runs: round 1: 7 lost"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, &out)
		}
	}
	if !r.Failed() || !strings.Contains(log, "FAILED: nobody answered") {
		t.Errorf("failed %v; log:\n%s", r.Failed(), log)
	}
}

func TestARowWithoutItsRateIsSkippedAloud(t *testing.T) {
	l := &load{t: t, report: func(n int, c bench.Config) (*bench.Report, error) { return good(2, 1000), nil }}
	r, _ := compared(t, strings.Replace(twoBrokers, "of a in first", "of gone in first", 1), l)
	if got := r.Rows[1].Skipped; !strings.Contains(got, "what gone delivers in first, which was not measured") || !r.Failed() {
		t.Errorf("skipped %q, failed %v", got, r.Failed())
	}
}

func TestABrokerThatDoesNotStartSaysWhy(t *testing.T) {
	spec := strings.Replace(twoBrokers, `{name: b, command: "{self} broker {port}"`, `{name: b, command: "{self} broker badport"`, 1)
	l := &load{t: t, report: func(n int, c bench.Config) (*bench.Report, error) { return good(2, 1000), nil }}
	r, _ := compared(t, spec, l)
	if got := r.Rows[0].cell("b").Failures; len(got) != 3 || !strings.Contains(got[0], "start: ended by itself: exit status 1; it said: ") {
		t.Errorf("got %q", got)
	}
}

func TestAnInterruptedRunIsNoResult(t *testing.T) {
	s, err := Load(specFile(t, twoBrokers))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	r, err := Run(ctx, s, Options{Self: self(t), Run: func(context.Context, bench.Config) (*bench.Report, error) {
		if n++; n == 2 {
			cancel()
			return good(99, 1), nil
		}
		return good(2, 1000), nil
	}})
	if err == nil || len(r.Rows) != 1 || len(r.Rows[0].Runs) != 1 {
		t.Errorf("got %v and %d rows, want an error and the one run that was whole", err, len(r.Rows))
	}
	var out bytes.Buffer
	if err := r.Text(&out); err != nil || !strings.Contains(out.String(), "ended early") {
		t.Errorf("the table does not say that it is not whole: %v\n%s", err, &out)
	}
}

func TestWhatCannotBeIsFoundBeforeAnythingRuns(t *testing.T) {
	for _, tt := range []struct{ old, new, want string }{
		{"run: p2p", "run: p3p", "spec.yaml:9: scenario first: "},
		{"qos: 1", "payload: 1", "spec.yaml:9: scenario first: payload: "},
	} {
		s, err := Load(specFile(t, strings.Replace(twoBrokers, tt.old, tt.new, 1)))
		if err != nil {
			t.Fatal(err)
		}
		_, err = Run(t.Context(), s, Options{Self: self(t), Run: func(context.Context, bench.Config) (*bench.Report, error) {
			t.Error("something was run")
			return nil, nil
		}})
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s…", tt.new, err, tt.want)
		}
	}
}

func TestOnlyTakesWhatItsRatesNeed(t *testing.T) {
	s, err := Load(specFile(t, twoBrokers))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		only string
		want int
	}{{"first", 1}, {"sec*", 2}, {"third", 0}} {
		got, err := (&comparison{Spec: s, Options: Options{Only: []string{tt.only}}}).chosen()
		if len(got) != tt.want || (err != nil) != (tt.want == 0) {
			t.Errorf("%s: got %d scenarios, %v, want %d", tt.only, len(got), err, tt.want)
		}
	}
}
