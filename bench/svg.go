package bench

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/penstock-mqtt/penstock/bench/internal/human"
)

// SVG draws the run over time: deliveries and messages sent, latency, and the broker's CPU and memory where they are known.
// The picture stands alone: no script, no font and no file besides it. It has a ground of its own, light or dark as the
// reader's browser prefers.
func (r *Report) SVG(w io.Writer) error {
	p := plot{series: r.Series}
	p.span()
	panels := p.panels(r)
	height := panelTop + len(panels)*panelStep - 4
	fmt.Fprintf(&p, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="system-ui, sans-serif" font-size="12">`+"\n",
		plotWidth, height, plotWidth, height)
	p.WriteString(plotStyle)
	fmt.Fprintf(&p, "<title>%s</title>\n<rect class=\"ground\" width=\"100%%\" height=\"100%%\"/>\n", html.EscapeString(r.Title()))
	p.text(plotLeft, 26, "title", "start", r.Title())
	p.text(plotLeft, 44, "quiet", "start", r.Config.Shape())
	p.text(plotLeft, 60, "quiet", "start", r.Env.line())
	p.text(plotLeft, 76, "quiet", "start", fmt.Sprintf("generator %s, GOGC %s; others used %s of the CPU", r.Env.Go, r.Env.GOGC, human.Percent(r.Env.Others)))
	if r.Failed() {
		p.text(plotLeft, 94, "fault", "start", "FAULTS: "+r.Faults.String())
	} else if r.Load.Limit {
		p.text(plotLeft, 94, "fault", "start", limitNote)
	}
	for i, panel := range panels {
		p.panel(panel, float64(panelTop+i*panelStep))
	}
	if len(r.Series) < 2 {
		p.text(plotWidth/2, panelTop+panelHeight/2, "quiet", "middle", "too short a run for a picture over time")
	}
	p.text((plotLeft+plotRight)/2, float64(height-10), "quiet", "middle", "seconds since counting began")
	p.WriteString("</svg>\n")
	_, err := w.Write(p.Bytes())
	return err
}

// Where things stand, in pixels.
const (
	plotWidth   = 960
	plotLeft    = 78
	plotRight   = plotWidth - 78
	panelTop    = 134
	panelHeight = 150
	panelStep   = panelHeight + 62
)

const plotStyle = `<style>
.ground{fill:#fff}.grid{stroke:#e3e6ea}.axis{stroke:#9aa3ad}.warm{fill:#f3f4f6}text{fill:#24292f}.quiet{fill:#656d76}
.title{font-size:16px;font-weight:600}.name{font-weight:600}.fault{fill:#c0392b;font-weight:600}
.line{fill:none;stroke-width:1.8;stroke-linejoin:round}.c0{stroke:#0969da;fill:#0969da}.c1{stroke:#bc4c00;fill:#bc4c00}.c2{stroke:#8250df;fill:#8250df}.line.c0,.line.c1,.line.c2{fill:none}tspan{stroke:none}
@media (prefers-color-scheme:dark){.ground{fill:#0d1117}.grid{stroke:#272d35}.axis{stroke:#6e7681}.warm{fill:#161b22}text{fill:#e6edf3}.quiet{fill:#9198a1}
.fault{fill:#ff7b72}.c0{stroke:#58a6ff;fill:#58a6ff}.c1{stroke:#f0883e;fill:#f0883e}.c2{stroke:#bc8cff;fill:#bc8cff}.line.c0,.line.c1,.line.c2{fill:none}tspan{stroke:none}}
</style>
`

// plot is a picture in the making.
type plot struct {
	bytes.Buffer
	series   []Sample
	from, to float64 // seconds
}

// curve is one line of a panel.
type curve struct {
	name  string
	value func(*Sample) float64
	right bool // goes by the scale at the right
}

// panel is one diagram; they stand below each other on the same time.
type panel struct {
	name   string
	curves []curve
	log    bool
	unit   func(float64) string
	right  func(float64) string // nil without a second scale
}

func perSecond(n uint64, s *Sample) float64 {
	if s.Interval <= 0 {
		return 0
	}
	return float64(n) / s.Interval.Seconds()
}

func (p *plot) panels(r *Report) []panel {
	nanoseconds := func(v float64) string { return human.Duration(time.Duration(v)) }
	panels := []panel{{
		name: "messages a second", unit: human.Short,
		curves: []curve{
			{name: "delivered", value: func(s *Sample) float64 { return perSecond(s.Delivered, s) }},
			{name: "sent", value: func(s *Sample) float64 { return perSecond(s.Sent, s) }},
		},
	}}
	if p.any(func(s *Sample) float64 { return float64(s.Max) }) {
		panels = append(panels, panel{
			name: "latency", unit: nanoseconds, log: true,
			curves: []curve{
				{name: "p50", value: func(s *Sample) float64 { return float64(s.P50) }},
				{name: "p99", value: func(s *Sample) float64 { return float64(s.P99) }},
				{name: "max", value: func(s *Sample) float64 { return float64(s.Max) }},
			},
		})
	}
	if p.any(func(s *Sample) float64 { return float64(s.RSS) }) {
		panels = append(panels, panel{
			name: "broker", unit: human.Short, right: func(v float64) string { return human.Short(v) + " MiB" },
			curves: []curve{
				{name: "CPU, cores (left)", value: func(s *Sample) float64 { return s.CPU }},
				{name: "RSS (right)", value: func(s *Sample) float64 { return float64(s.RSS) / (1 << 20) }, right: true},
			},
		})
	}
	return panels
}

func (p *plot) any(value func(*Sample) float64) bool {
	for i := range p.series {
		if value(&p.series[i]) > 0 {
			return true
		}
	}
	return false
}

// span settles the time that is shown: all samples, the warm-up included.
func (p *plot) span() {
	p.to = 1
	for i := range p.series {
		at := p.series[i].At.Seconds()
		if i == 0 {
			p.from, p.to = at, at
		}
		p.from, p.to = min(p.from, at), max(p.to, at)
	}
	if p.to <= p.from {
		p.to = p.from + 1
	}
}

func (p *plot) x(seconds float64) float64 {
	return plotLeft + (seconds-p.from)/(p.to-p.from)*(plotRight-plotLeft)
}

func (p *plot) text(x, y float64, class, anchor, s string) {
	fmt.Fprintf(p, "<text x=\"%.1f\" y=\"%.1f\" class=%q text-anchor=%q>%s</text>\n", x, y, class, anchor, html.EscapeString(s))
}

func (p *plot) rule(x1, y1, x2, y2 float64, class string) {
	fmt.Fprintf(p, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=%q/>\n", x1, y1, x2, y2, class)
}

func (p *plot) panel(d panel, top float64) {
	bottom := top + panelHeight
	if p.from < 0 {
		width := p.x(min(0, p.to)) - plotLeft
		fmt.Fprintf(p, "<rect class=\"warm\" x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"/>\n", plotLeft, top, width, panelHeight)
		if width > 60 { // else the word does not fit
			p.text(plotLeft+6, bottom-8, "quiet", "start", "warm-up")
		}
	}
	left := p.scale(d, false, top)
	for _, tick := range left.ticks {
		p.rule(plotLeft, left.y(tick), plotRight, left.y(tick), "grid")
		p.text(plotLeft-8, left.y(tick)+4, "quiet", "end", d.unit(tick))
	}
	right := p.scale(d, true, top)
	if d.right != nil {
		for _, tick := range right.ticks {
			p.text(plotRight+8, right.y(tick)+4, "quiet", "start", d.right(tick))
		}
	}
	for _, tick := range ticks(p.from, p.to, 10) {
		p.rule(p.x(tick), bottom, p.x(tick), bottom+4, "axis")
		p.text(p.x(tick), bottom+18, "quiet", "middle", human.Short(tick))
	}
	p.rule(plotLeft, bottom, plotRight, bottom, "axis")
	p.text(plotLeft, top-12, "name", "start", d.name)
	p.legend(d.curves, top-12)
	for i, c := range slices.Backward(d.curves) { // the first on top
		s := left
		if c.right {
			s = right
		}
		p.curve(c, s, i)
	}
}

// legend stands at the right, above the panel, in one run of text: nobody here knows how wide the reader's letters are.
func (p *plot) legend(curves []curve, y float64) {
	fmt.Fprintf(p, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\" xml:space=\"preserve\">", plotRight, y)
	for i, c := range curves {
		fmt.Fprintf(p, "<tspan class=\"c%d\">    ● </tspan>%s", i, html.EscapeString(c.name))
	}
	p.WriteString("</text>\n")
}

func (p *plot) curve(c curve, s scale, colour int) {
	var points []string
	for i := range p.series {
		v := c.value(&p.series[i])
		if s.log && v <= 0 { // no delivery, no latency
			continue
		}
		points = append(points, fmt.Sprintf("%.1f,%.1f", p.x(p.series[i].At.Seconds()), s.y(v)))
	}
	if len(points) > 1 {
		fmt.Fprintf(p, "<polyline class=\"line c%d\" points=%q/>\n", colour, strings.Join(points, " "))
	}
	if len(points) > 60 {
		return
	}
	for _, point := range points { // few enough to be seen one by one
		x, y, _ := strings.Cut(point, ",")
		fmt.Fprintf(p, "<circle class=\"c%d\" cx=%q cy=%q r=\"2\"/>\n", colour, x, y)
	}
}

// scale places values between the bottom and the top of a panel.
type scale struct {
	low, high float64
	log       bool
	top       float64
	ticks     []float64
}

func (s scale) y(v float64) float64 {
	low, high := s.low, s.high
	if s.log {
		low, high, v = math.Log10(low), math.Log10(high), math.Log10(max(v, s.low))
	}
	return s.top + panelHeight*(1-(v-low)/(high-low))
}

// scale fits the curves of one side of a panel.
func (p *plot) scale(d panel, right bool, top float64) scale {
	low, high := math.Inf(1), 0.0
	for _, c := range d.curves {
		for i := range p.series {
			if v := c.value(&p.series[i]); c.right == right && v > 0 {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	s := scale{log: d.log, top: top, high: max(high, 1e-9)}
	if high == 0 {
		s.high = 1
	}
	if !d.log {
		s.high *= 1.15 // some air above the curves
		s.ticks = ticks(0, s.high, 5)
		return s
	}
	if high == 0 {
		low = 0.1
	}
	s.low, s.high = math.Pow(10, math.Floor(math.Log10(low))), math.Pow(10, math.Ceil(math.Log10(s.high*1.0001)))
	for t := s.low; t <= s.high*1.001; t *= 10 {
		s.ticks = append(s.ticks, t)
	}
	return s
}

// ticks are round values from low to high, about n of them.
func ticks(low, high float64, n int) []float64 {
	raw := (high - low) / float64(n)
	step := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5, 10} {
		if step*m >= raw {
			step *= m
			break
		}
	}
	var at []float64
	for i := math.Ceil(low/step - 1e-9); i*step <= high+step*1e-9; i++ {
		at = append(at, i*step+0) // no negative zero
	}
	return at
}
