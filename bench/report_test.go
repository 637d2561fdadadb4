package bench

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// sampleReport is a run without faults, with everything that a report can hold.
func sampleReport() *Report {
	r := &Report{
		Config: Config{Scenario: "p2p", Addr: "127.0.0.1:1883", Version: mqtt.V311, Scale: 1, Publishers: 50, Subscribers: 50,
			Payload: 64, Window: 16, Threads: 1, Warmup: time.Second, Duration: 10 * time.Second, PID: 42},
		Env: Env{CPU: "A CPU <fast>", Cores: 2, Memory: 8 << 30, Kernel: "Linux 6.1", OS: "Debian linux/amd64", Go: "go1.26.0", GOGC: "100",
			Version: "0.1.0", Others: 0.034, Broker: "mosquitto version 2.0.11"},
		Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Elapsed: 10 * time.Second,
		Sent: 1200000, Delivered: 1200000, SendRate: 120000, Rate: 120000,
		Latency: &Percentiles{Count: 1200000, Mean: 7e6, Min: 1e5, P50: 6600 * time.Microsecond, P90: 8e6, P99: 12300 * time.Microsecond, P999: 2e7, P9999: 3e7, Max: 4e7},
		Connect: &Percentiles{Count: 100, P50: 3e5, P99: 9e5, Max: 1e6},
		Broker:  &Process{CPU: 9972 * time.Millisecond, Cores: 0.997, CPUPerDelivery: 8.31, RSSBefore: 8 << 20, RSS: 12 << 20, RSSPeak: 14 << 20, Threads: 1, Writes: 1200000, WritesPerDeliv: 1},
		Load:    Load{CPU: 5 * time.Second, Cores: 0.5},
		Figures: []Figure{{Name: "maximum connections", Value: 28232, Unit: "connections"}, {Name: "idle CPU", Value: 0.14, Unit: "%", Less: true}},
		Notes:   []string{"TCP_NODELAY was on"},
	}
	for i := range 12 {
		n := uint64(119000 + 200*i)
		r.Series = append(r.Series, Sample{At: time.Duration(i) * time.Second, Interval: time.Second, Left: time.Duration(11-i) * time.Second, Phase: "run",
			Connected: 100, Sent: n, Delivered: n, P50: 66e5, P99: 12e6 + time.Duration(i)*1e5, Max: 4e7, CPU: 0.99, RSS: uint64(12+i%3) << 20})
	}
	return r
}

func faultyReport() *Report {
	r := sampleReport()
	r.Faults = Faults{Lost: 3, Reordered: 1, Samples: []string{"stream 7: 41 came behind 42"}}
	r.Load.Limit = true
	return r
}

func written(t *testing.T, write func(io.Writer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTextSaysWhatPeopleAskFor(t *testing.T) {
	got := written(t, sampleReport().Text)
	for _, want := range []string{
		"p2p · mosquitto version 2.0.11 · 127.0.0.1:1883 · MQTT 3.1.1\n",
		"50 publishers, 50 subscribers, QoS 0, 64 B payload, window 16, 1 load thread\n",
		"1,200,000 (120,000/s) in 10 s", "p50 6.60 ms", "p99 12.3 ms", "CPU 8.31 µs a delivery (0.997 cores), 1 thread",
		"RSS 12 MiB at the end, 8 MiB before, peak 14 MiB", "maximum connections  28,232 connections", "others used 3.4 %",
		"Note: TCP_NODELAY was on", "no faults",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the report lacks %q:\n%s", want, got)
		}
	}
	for line := range strings.Lines(got) {
		if n := len([]rune(line)); n > 130 {
			t.Errorf("a line has %d columns: %s", n, line)
		}
	}
}

func TestFaultsAndALimitedGeneratorAreLoud(t *testing.T) {
	got := written(t, faultyReport().Text)
	for _, want := range []string{"FAULTS, the run has failed: 3 lost, 1 out of order\n  stream 7: 41 came behind 42\n", "Note: the generator was the limit"} {
		if !strings.Contains(got, want) {
			t.Errorf("the report lacks %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "no faults") {
		t.Errorf("a failed run is praised:\n%s", got)
	}
}

func TestABareReportIsWrittenInEveryForm(t *testing.T) {
	r := &Report{Config: Config{Scenario: "idle"}}
	for name, write := range map[string]func(io.Writer) error{"text": r.Text, "json": r.JSON, "gobench": r.GoBench, "svg": r.SVG} {
		if got := written(t, write); got == "" || strings.Contains(got, "NaN") || strings.Contains(got, "Inf") {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestJSONComesBackAsItWas(t *testing.T) {
	for _, want := range []*Report{sampleReport(), faultyReport()} {
		text := written(t, want.JSON)
		got, err := ReadJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if !strings.Contains(text, `"failed": `+strconv.FormatBool(want.Failed())) {
			t.Errorf("does not say whether the run failed:\n%s", text)
		}
	}
	if _, err := ReadJSON(strings.NewReader(`{"format": 999}`)); err == nil {
		t.Error("a report of another format was read")
	}
}

func TestGoBenchHoldsToGosFormat(t *testing.T) {
	text := written(t, sampleReport().GoBench)
	lines := strings.Split(strings.TrimSpace(text), "\n")
	fields := strings.Fields(lines[len(lines)-1])
	if want := "BenchmarkP2P/publishers=50/subscribers=50/payload=64/window=16/qos=0/version=311-1"; fields[0] != want || fields[1] != "1200000" {
		t.Errorf("the line begins %q, want %q and 1200000", fields[:2], want)
	}
	units := map[string]float64{}
	for i := 2; i+1 < len(fields); i += 2 {
		v, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			t.Fatalf("%q is no number in %q", fields[i], lines[len(lines)-1])
		}
		units[fields[i+1]] = v
	}
	for unit, want := range map[string]float64{"ns/op": 8333.33, "cpu-ns/delivery": 8310, "deliveries/s": 120000, "p50-ns": 6.6e6, "p99-ns": 1.23e7,
		"idle-CPU-%": 0.14, "maximum-connections-connections": 28232} {
		if got := units[unit]; math.Abs(got-want) > want*1e-5 {
			t.Errorf("%s: got %v, want %v in %s", unit, got, want, text)
		}
	}
	if strings.Contains(text, "connect-p99-ns") {
		t.Errorf("a benchmark of messages has columns about connecting:\n%s", text)
	}
	r := sampleReport()
	r.Sent, r.Delivered, r.Latency = 0, 0, nil
	if text := written(t, r.GoBench); !strings.Contains(text, "\t100\t") || !strings.Contains(text, "900000 connect-p99-ns") {
		t.Errorf("one of connections has none:\n%s", text)
	}
	if !strings.Contains(text, "Unit deliveries/s better=higher\n") {
		t.Errorf("benchstat is not told which way is better:\n%s", text)
	}
}

func TestAWindowUntilDeliveryIsNamed(t *testing.T) {
	r := sampleReport()
	r.Config.AwaitAll, r.Config.QoS = true, 1
	if text := written(t, r.Text); !strings.Contains(text, "window 16 until delivered") {
		t.Errorf("the text does not say it:\n%s", text)
	}
	if text := written(t, r.GoBench); !strings.Contains(text, "/await-all=true/qos=1/") {
		t.Errorf("the benchmark is called like another:\n%s", text)
	}
}

func TestAFailedRunIsNoBenchmark(t *testing.T) {
	text := written(t, faultyReport().GoBench)
	if strings.Contains(text, "\nBenchmark") || !strings.Contains(text, "--- FAIL: BenchmarkP2P") || !strings.Contains(text, "3 lost") {
		t.Errorf("got %s", text)
	}
}

func TestThePlotIsOneWholeDocument(t *testing.T) {
	for _, r := range []*Report{sampleReport(), faultyReport()} {
		text := written(t, r.SVG)
		d := xml.NewDecoder(strings.NewReader(text))
		lines := 0
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%v in\n%s", err, text)
			}
			if e, ok := token.(xml.StartElement); ok && e.Name.Local == "polyline" {
				lines++
			}
		}
		if lines != 7 {
			t.Errorf("%d curves, want 2 of messages, 3 of latency, CPU and memory", lines)
		}
		for _, want := range []string{"messages a second", "p99", "RSS", "mosquitto version 2.0.11", "A CPU &lt;fast&gt;"} {
			if !strings.Contains(text, want) {
				t.Errorf("the plot lacks %q", want)
			}
		}
		if r.Failed() != strings.Contains(text, "FAULTS: 3 lost") {
			t.Errorf("failed %v, and the plot says otherwise", r.Failed())
		}
	}
}

func TestTicksAreRound(t *testing.T) {
	for _, tt := range []struct {
		low, high float64
		n         int
		want      []float64
	}{
		{0, 10, 5, []float64{0, 2, 4, 6, 8, 10}},
		{-2, 9, 5, []float64{0, 5}},
		{0, 1.05, 5, []float64{0, 0.5, 1}},
	} {
		if got := ticks(tt.low, tt.high, tt.n); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("ticks(%v, %v, %d): got %v, want %v", tt.low, tt.high, tt.n, got, tt.want)
		}
	}
}

func TestABacklogIsTold(t *testing.T) {
	for _, tt := range []struct {
		sent, delivered, totalSent, totalDelivered uint64
		lost                                       uint64
		want                                       float64
	}{
		{1000, 1000, 1200, 1200, 0, 0},
		{1000, 100, 1200, 1200, 0, 0.9},
		{1000, 250_000, 1200, 600_000, 0, 0.5}, // each to 500
		{1000, 1010, 1200, 1200, 0, 0},
		{1000, 100, 1200, 110, 1090, 0}, // lost, not late
		{0, 20_000, 20_000, 20_000, 0, 0},
	} {
		r := sampleReport()
		r.Sent, r.Delivered, r.TotalSent, r.TotalDelivered, r.Faults.Lost = tt.sent, tt.delivered, tt.totalSent, tt.totalDelivered, tt.lost
		if got := r.Behind(); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%+v: got %v", tt, got)
		}
		if told := strings.Contains(written(t, r.Text), "of the deliveries came after the counted time"); told != (tt.want > muchBehind) {
			t.Errorf("%+v: told %v", tt, told)
		}
	}
}
