package compare

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/penstock-mqtt/penstock/bench"
	"github.com/penstock-mqtt/penstock/bench/internal/human"
)

// table is text in rows and columns; the first row holds the titles.
type table [][]string

// figures is the table of what is compared: a column a broker, then what follows from them.
func (r *Result) figures() table {
	head := []string{"scenario", "measure"}
	for _, b := range r.Brokers {
		head = append(head, b.Name)
	}
	targets := slices.ContainsFunc(r.Rows, func(row *Row) bool { return row.target() != "" })
	references := r.references()
	for _, a := range r.Ratios {
		head = append(head, a.Of+" : "+a.To)
	}
	if targets {
		head = append(head, "target", "met")
	}
	t := table{append(head, references...)}
	for _, row := range r.Rows {
		line := append([]string{row.Title}, r.values(row, row.Measure)...)
		if targets {
			line = append(line, row.target(), r.verdict(row))
		}
		for _, name := range references {
			line = append(line, row.reference(name))
		}
		t = append(t, line)
		for _, m := range row.Also {
			also := append([]string{""}, r.values(row, m)...)
			t = append(t, append(also, make([]string, len(line)-len(also))...))
		}
	}
	return t
}

// values are one measure of a row: by broker, then the ratios.
func (r *Result) values(row *Row, m Measure) []string {
	line := []string{m.what()}
	for _, b := range r.Brokers {
		line = append(line, r.figure(row, m, b))
	}
	for _, a := range r.Ratios {
		line = append(line, shareText(row.share(m, a.Of, a.To)))
	}
	return line
}

// references are the names of those whose figures were given, in the order in which they come up.
func (r *Result) references() []string {
	var names []string
	for _, row := range r.Rows {
		for _, ref := range row.References {
			if !slices.Contains(names, ref.Name) {
				names = append(names, ref.Name)
			}
		}
	}
	return names
}

func (r *Row) reference(name string) string {
	for _, ref := range r.References {
		if ref.Name == name {
			return ref.Share.String()
		}
	}
	return ""
}

// figure is the median with its spread, or what came in its place.
func (r *Result) figure(row *Row, m Measure, b BrokerState) string {
	c := row.cellOf(b.Name, m)
	switch {
	case b.Missing != "":
		return "missing"
	case row.Skipped != "":
		return "skipped"
	case c.Runs == 0:
		return "–"
	case c.Value.N == 0 && m != row.Measure:
		return "–"
	case c.Value.N == 0:
		return "FAILED"
	}
	text := row.text(m, c.Value.Median)
	if c.Value.N > 1 {
		text += " (" + row.text(m, c.Value.Min) + " – " + row.text(m, c.Value.Max) + ")"
	}
	if m != row.Measure {
		return text // what there is to say of the runs is said in the line above
	}
	if n := len(c.Failures); n > 0 {
		text += fmt.Sprintf(", %d of %d FAILED", n, c.Runs)
	}
	if c.Limited*2 > c.Value.N {
		text += " *"
	}
	if c.Behind*2 > c.Value.N {
		text += " †"
	}
	return text
}

// text writes a value of the row with its unit, which of the scenario's own figures only reports know.
func (r *Row) text(m Measure, v float64) string {
	for i := range r.Runs {
		if report := r.Runs[i].Report; report != nil {
			return m.textOf(report, v)
		}
	}
	return m.text(v)
}

// textOf writes a value with the unit that a report knows.
func (m Measure) textOf(r *bench.Report, v float64) string {
	if f := m.figure(r); f != nil {
		return bench.Figure{Value: v, Unit: f.Unit}.Text()
	}
	return m.text(v)
}

func shareText(s Share) string {
	if s == 0 {
		return "–"
	}
	return s.String()
}

// target is what the subject's share, or its own figure, has to be.
func (r *Row) target() string {
	switch {
	case r.AtMost != nil:
		return "≤ " + r.AtMost.String()
	case r.Below > 0:
		return "< " + r.Measure.text(r.Below)
	}
	return ""
}

// rates is the table of deliveries a second and latency, for rows that have them.
func (r *Result) rates() table {
	head := []string{"scenario"}
	for _, b := range r.Brokers {
		head = append(head, b.Name+", deliveries/s", "p99")
	}
	t := table{head}
	for _, row := range r.Rows {
		line, any := []string{row.Title}, false
		for _, b := range r.Brokers {
			c := row.cell(b.Name)
			rate, p99 := "–", "–"
			if c.Rate.N > 0 {
				rate, any = human.Number(c.Rate.Median), true
			}
			if c.P99.N > 0 {
				p99 = P99.text(c.P99.Median)
			}
			line = append(line, rate, p99)
		}
		if any {
			t = append(t, line)
		}
	}
	return t
}

// remarks are what a reader has to know besides: who was missing, what failed, what the generator held up.
func (r *Result) remarks() []string {
	var all []string
	if r.Partial != "" {
		all = append(all, r.Partial+": the figures are of the rounds until then")
	}
	for _, b := range r.Brokers {
		if b.Missing != "" {
			all = append(all, b.Name+" took no part: "+b.Missing)
		}
	}
	limited, behind := false, false
	for _, row := range r.Rows {
		if row.Skipped != "" {
			all = append(all, row.Title+": skipped: "+row.Skipped)
		}
		for _, b := range r.Brokers {
			c := row.cell(b.Name)
			if n := len(c.Failures); n > 0 {
				all = append(all, fmt.Sprintf("%s: %s failed in %d of %d runs: %s", row.Title, b.Name, n, c.Runs, c.Failures[0]))
			}
			limited = limited || c.Limited*2 > c.Value.N
			behind = behind || c.Behind*2 > c.Value.N
		}
	}
	if limited {
		all = append(all, "* the generator was the limit in most of these runs: deliveries a second are a lower bound there; CPU a delivery holds")
	}
	if behind {
		all = append(all, "† the broker acknowledged faster than it delivered in most of these runs: CPU a delivery includes taking in what it delivered after the counted time")
	}
	if _, others := r.env(); others.Median > busy {
		all = append(all, fmt.Sprintf("others used %s of the machine's CPU: rates and latencies say little; shares of CPU hold better. Run it again on a machine at rest",
			human.Percent(others.Median)))
	}
	if r.Disk.inMemory() {
		all = append(all, "the data directories were in memory, where a sync costs nothing: --data names a folder on a disk")
	}
	for _, name := range slices.Sorted(maps.Keys(r.Sources)) {
		all = append(all, name+": "+r.Sources[name])
	}
	return all
}

// busy is the share of the machine that others may use before a reader has to be told.
const busy = 0.1

// circumstances say where, with what and how it was measured.
func (r *Result) circumstances() []string {
	env, others := r.env()
	var all []string
	for _, b := range r.Brokers {
		if b.Missing == "" {
			all = append(all, b.Name+": "+cmp.Or(b.Version, "version not known"))
		}
	}
	if env.Cores > 0 {
		all = append(all, "machine: "+machine(env),
			fmt.Sprintf("generator: %s, %s, GOGC %s; load and broker share the machine and its loopback", env.Version, env.Go, env.GOGC),
			fmt.Sprintf("others used %s of the machine's CPU in the median run, %s in the worst", human.Percent(others.Median), human.Percent(others.Max)))
	}
	if r.Disk != nil {
		all = append(all, r.Disk.String())
	}
	rounds := fmt.Sprintf("medians of %s (lowest – highest), a fresh broker process each, brokers taking turns", human.Plural(r.Rounds, "round"))
	if r.Rounds == 1 {
		rounds = "one round only: take the figures for a first look; a fresh broker process each"
	}
	return append(all, fmt.Sprintf("%s; begun %s, took %s", rounds, r.Started.Format("2006-01-02 15:04 MST"), human.Duration(r.Took)))
}

func machine(e bench.Env) string {
	return strings.Join([]string{e.CPU, human.Plural(e.Cores, "core"), human.Bytes(float64(e.Memory)), e.Kernel, e.OS}, ", ")
}

// Text writes the tables for a terminal.
func (r *Result) Text(w io.Writer) error {
	var b bytes.Buffer
	for _, t := range []table{r.figures(), r.rates()} {
		if len(t) > 1 {
			t.text(&b)
			b.WriteByte('\n')
		}
	}
	for _, line := range slices.Concat(r.remarks(), r.circumstances()) {
		fmt.Fprintln(&b, line)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// text sets the columns under each other.
func (t table) text(b *bytes.Buffer) {
	widths := make([]int, len(t[0]))
	for _, line := range t {
		for i, field := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(field))
		}
	}
	for _, line := range t {
		var text strings.Builder
		for i, field := range line {
			text.WriteString(field + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(field)+2))
		}
		fmt.Fprintln(b, strings.TrimRight(text.String(), " "))
	}
}

// Markdown writes the tables for a document.
func (r *Result) Markdown(w io.Writer) error {
	var b bytes.Buffer
	for _, t := range []table{r.figures(), r.rates()} {
		if len(t) > 1 {
			t.markdown(&b)
			b.WriteByte('\n')
		}
	}
	for _, line := range slices.Concat(r.remarks(), r.circumstances()) {
		fmt.Fprintf(&b, "- %s\n", strings.ReplaceAll(escape(line), "\n", " "))
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (t table) markdown(b *bytes.Buffer) {
	for i, line := range t {
		fields := make([]string, len(line))
		for j, field := range line {
			fields[j] = strings.ReplaceAll(escape(field), "|", "\\|")
		}
		fmt.Fprintf(b, "| %s |\n", strings.Join(fields, " | "))
		if i == 0 {
			fmt.Fprintf(b, "|%s\n", strings.Repeat("---|", len(line)))
		}
	}
}

// escape keeps a leading star and what looks like HTML from being markup.
func escape(s string) string {
	return strings.NewReplacer("*", "\\*", "<", "&lt;").Replace(s)
}
