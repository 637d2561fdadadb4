package bench

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/penstock-mqtt/penstock/bench/internal/human"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// Text writes the report for people: what was run, what came of it, and loudest what went wrong.
func (r *Report) Text(w io.Writer) error {
	var t textReport
	t.heading(r)
	t.transport(r)
	t.deliveries(r)
	t.percentiles("latency", r.Latency, "")
	t.percentiles("acked", r.Ack, "PUBLISH to PUBACK or PUBREC")
	t.percentiles("connect", r.Connect, "CONNECT to CONNACK")
	t.percentiles("subscribe", r.Subscribe, "SUBSCRIBE to SUBACK")
	t.figures(r.Figures)
	t.broker(r)
	t.generator(&r.Load)
	t.machine(&r.Env)
	t.notes(r)
	t.faults(&r.Faults)
	_, err := w.Write(t.Bytes())
	return err
}

// textReport is a report in the making: lines of a name and what belongs to it.
type textReport struct{ bytes.Buffer }

func (t *textReport) line(name, format string, a ...any) {
	fmt.Fprintf(t, "  %-11s %s\n", name, fmt.Sprintf(format, a...))
}

func (t *textReport) heading(r *Report) {
	fmt.Fprintf(t, "%s\n%s\n\n", r.Title(), r.Config.Shape())
}

// Title names scenario, broker and protocol in one line.
func (r *Report) Title() string {
	c := &r.Config
	parts := []string{c.Scenario}
	if c.Preset != "" && c.Preset != c.Scenario {
		parts[0] = fmt.Sprintf("%s (%s)", c.Preset, c.Scenario)
	}
	if c.Scale != 0 && c.Scale != 1 {
		parts[0] += " × " + human.Number(c.Scale)
	}
	if r.Env.Broker != "" {
		parts = append(parts, r.Env.Broker)
	}
	return strings.Join(append(parts, c.Addr, versionName(c.Version)), " · ")
}

func versionName(v mqtt.Version) string {
	switch v {
	case mqtt.V31:
		return "MQTT 3.1"
	case mqtt.V5:
		return "MQTT 5.0"
	}
	return "MQTT 3.1.1"
}

// Shape says in words how the load looks: who, how much, how fast.
func (c *Config) Shape() string {
	var parts []string
	add := func(n int, one string) {
		if n > 0 {
			parts = append(parts, human.Plural(n, one))
		}
	}
	add(c.Clients, "client")
	add(c.Publishers, "publisher")
	add(c.Subscribers, "subscriber")
	add(c.Topics, "topic")
	if c.Filters > 1 {
		parts = append(parts, human.Count(c.Filters)+" filters each")
	}
	add(c.Messages, "message")
	parts = append(parts, fmt.Sprintf("QoS %d", c.QoS), human.Count(c.Payload)+" B payload")
	if c.Persistent {
		parts = append(parts, "persistent sessions")
	}
	switch {
	case c.Rate > 0:
		parts = append(parts, "open loop at "+human.Number(c.Rate)+" messages/s")
	case c.Window > 0 && c.AwaitAll && c.QoS > 0:
		parts = append(parts, "window "+human.Count(c.Window)+" until delivered")
	case c.Window > 0:
		parts = append(parts, "window "+human.Count(c.Window))
	}
	if c.ConnectRate > 0 {
		parts = append(parts, human.Number(c.ConnectRate)+" connections/s")
	}
	return strings.Join(append(parts, human.Plural(c.Threads, "load thread")), ", ")
}

func (t *textReport) transport(r *Report) {
	if r.Transport != "" {
		t.line("transport", "%s", r.Transport)
	}
	if h := r.Handshakes; h != nil {
		t.line("", "%s full and %s resumed in the whole run", human.Plural(int(h.Full), "handshake"), human.Count(int(h.Resumed)))
	}
}

func (t *textReport) deliveries(r *Report) {
	if r.Sent > 0 {
		t.line("sent", "%s (%s/s)", human.Count(r.Sent), human.Number(r.SendRate))
	}
	if r.Delivered > 0 {
		t.line("delivered", "%s (%s/s) in %s", human.Count(r.Delivered), human.Number(r.Rate), human.Duration(r.Elapsed))
	} else {
		t.line("counted", "%s", human.Duration(r.Elapsed))
	}
}

func (t *textReport) percentiles(name string, p *Percentiles, of string) {
	if p == nil || p.Count == 0 {
		return
	}
	if of != "" {
		of = fmt.Sprintf("  (%s of %s)", human.Count(p.Count), of)
	}
	t.line(name, "p50 %s  p90 %s  p99 %s  p99.9 %s  max %s%s",
		human.Duration(p.P50), human.Duration(p.P90), human.Duration(p.P99), human.Duration(p.P999), human.Duration(p.Max), of)
}

func (t *textReport) figures(figures []Figure) {
	if len(figures) == 0 {
		return
	}
	widest := 0
	for _, f := range figures {
		widest = max(widest, len([]rune(f.Name)))
	}
	for i, f := range figures {
		name := ""
		if i == 0 {
			name = "figures"
		}
		t.line(name, "%s%s  %s", f.Name, strings.Repeat(" ", widest-len([]rune(f.Name))), f.Text())
	}
}

// Text is the value with its unit.
func (f Figure) Text() string {
	switch f.Unit {
	case "B", "bytes":
		return human.Bytes(f.Value)
	case "ns":
		return human.Duration(time.Duration(f.Value))
	case "s":
		return human.Duration(time.Duration(f.Value * float64(time.Second)))
	}
	return strings.TrimSpace(human.Number(f.Value) + " " + f.Unit)
}

func (t *textReport) broker(r *Report) {
	b := r.Broker
	if b == nil {
		t.line("broker", "CPU and memory not read: --pid names its process")
		return
	}
	cpu := fmt.Sprintf("CPU %s (%s cores)", human.Duration(b.CPU), human.Number(b.Cores))
	if b.CPUPerDelivery > 0 {
		cpu = fmt.Sprintf("CPU %s µs a delivery (%s cores)", human.Number(b.CPUPerDelivery), human.Number(b.Cores))
	}
	calls := ""
	if b.WritesPerDeliv > 0 {
		calls = fmt.Sprintf(", %s write calls a delivery", human.Number(b.WritesPerDeliv))
	}
	t.line("broker", "%s, %s%s", cpu, human.Plural(b.Threads, "thread"), calls)
	t.line("", "RSS %s at the end, %s before, peak %s", human.Bytes(float64(b.RSS)), human.Bytes(float64(b.RSSBefore)), human.Bytes(float64(b.RSSPeak)))
	if b.Disk > 0 {
		t.line("", "%s written to disk (%s a message)", human.Bytes(float64(b.Disk)), human.Bytes(float64(b.Disk)/float64(max(1, r.Sent))))
	}
}

func (t *textReport) generator(l *Load) {
	t.line("generator", "CPU %s (%s cores)", human.Duration(l.CPU), human.Number(l.Cores))
	if p := l.Late; p != nil && p.Count > 0 {
		t.line("", "late by p50 %s  p99 %s  max %s", human.Duration(p.P50), human.Duration(p.P99), human.Duration(p.Max))
	}
}

func (t *textReport) machine(e *Env) {
	t.line("machine", "%s", e.line())
	t.line("", "%s, %s, GOGC %s; others used %s of its CPU", e.Version, e.Go, e.GOGC, human.Percent(e.Others))
}

// line is hardware and system in one line.
func (e *Env) line() string {
	var parts []string
	for _, s := range []string{e.CPU, human.Plural(e.Cores, "core"), human.Bytes(float64(e.Memory)), e.Kernel, e.OS} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ", ")
}

func (t *textReport) notes(r *Report) {
	notes := r.Notes
	told := func(note string) bool { return strings.HasPrefix(note, limitNote) }
	if r.Load.Limit && !slices.ContainsFunc(notes, told) {
		notes = append([]string{limitNote}, notes...)
	}
	if r.FellBehind() {
		notes = append(notes, fmt.Sprintf("%s of the deliveries came after the counted time: the broker acknowledged faster than it delivered, "+
			"and CPU a delivery includes taking in what it delivered later", human.Percent(r.Behind())))
	}
	for _, n := range notes {
		fmt.Fprintf(t, "\nNote: %s\n", n)
	}
}

// limitNote is what a reader has to know before the figures of such a run are of use.
const limitNote = "the generator was the limit"

func (t *textReport) faults(f *Faults) {
	if !f.Any() {
		t.WriteString("\nno faults: nothing lost, doubled, out of order, damaged or refused\n")
		return
	}
	fmt.Fprintf(t, "\nFAULTS, the run has failed: %s\n", f)
	for _, s := range f.Samples {
		fmt.Fprintf(t, "  %s\n", s)
	}
}

// String names the kinds of fault that there were, with their numbers.
func (f *Faults) String() string {
	var parts []string
	for _, kind := range []struct {
		n    uint64
		name string
	}{
		{f.Lost, "lost"}, {f.Duplicates, "doubled"}, {f.Reordered, "out of order"}, {f.Corrupted, "damaged"}, {f.Unasked, "not asked for"},
		{f.Refused, "refused"}, {f.Dropped, "connections dropped"}, {f.Protocol, "against the protocol"}, {f.Stalled, "still missing at the end"},
	} {
		if kind.n > 0 {
			parts = append(parts, human.Count(kind.n)+" "+kind.name)
		}
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}
