package bench

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/penstock-mqtt/penstock/bench/internal/human"
)

// Progress shows a run while it lasts: on a terminal one line that is drawn anew, elsewhere a line every few seconds and
// one whenever the phase changes. Its Show is what Config.Progress wants.
type Progress struct {
	mu       sync.Mutex
	out      io.Writer
	width    func() int // of the terminal; nil when it is none
	every    time.Duration
	lastLine time.Time
	phase    string
	drawn    bool
	errors   uint64
	total    time.Duration // the longest time left that was seen in this phase
	now      func() time.Time
}

// NewProgress writes to out. The width says how many columns the terminal has at the moment; it is nil when out is none.
func NewProgress(out io.Writer, width func() int) *Progress {
	return &Progress{out: out, width: width, every: 2 * time.Second, now: time.Now}
}

// Show tells of one moment. It may be called by any goroutine.
func (p *Progress) Show(s Sample) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.errors += s.Errors
	changed := s.Phase != p.phase
	if changed {
		p.phase, p.total = s.Phase, 0
	}
	p.total = max(p.total, s.Left)
	if p.width != nil {
		p.draw(s)
		return
	}
	if now := p.now(); changed || now.Sub(p.lastLine) >= p.every {
		p.lastLine = now
		fmt.Fprintln(p.out, strings.Join(append(p.parts(s), extras(s)...), "  "))
	}
}

// Done takes the line away, so that the report begins on a clean one.
func (p *Progress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drawn {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.drawn = false
	}
}

// parts are what there is to say, the most important first.
func (p *Progress) parts(s Sample) []string {
	parts := []string{fmt.Sprintf("%-9s", s.Phase)}
	switch {
	case s.Delivered > 0 || s.Sent > 0:
		parts = append(parts, fmt.Sprintf("%6s/s", human.Short(perSecond(s.Delivered, &s))))
	case s.Connected > 0:
		parts = append(parts, human.Count(s.Connected)+" connected")
	}
	if s.P99 > 0 {
		parts = append(parts, fmt.Sprintf("p99 %-8s", human.Duration(s.P99)))
	}
	if p.errors > 0 {
		parts = append(parts, human.Count(p.errors)+" ERRORS")
	} else {
		parts = append(parts, "no errors")
	}
	if s.Left > 0 {
		parts = append(parts, s.Left.Round(time.Second).String()+" left")
	}
	return parts
}

// extras are what is shown where there is room.
func extras(s Sample) (parts []string) {
	if s.CPU > 0 {
		parts = append(parts, "broker "+human.Number(s.CPU)+" cores")
	}
	if s.RSS > 0 {
		parts = append(parts, human.Bytes(float64(s.RSS)))
	}
	return parts
}

// draw fits as much as the terminal is wide, and gives the rest of the line to a bar.
func (p *Progress) draw(s Sample) {
	width := p.width() - 1 // a terminal may break the line behind its last column
	if width < 1 {
		width = 79
	}
	line := fit("", p.parts(s), width)
	if p.total > 0 {
		line = fit(line, extras(s), width-shortestBar-2)
		line += bar(min(30, width-utf8.RuneCountInString(line)-2), 1-float64(s.Left)/float64(p.total))
	} else {
		line = fit(line, extras(s), width)
	}
	p.drawn = true
	fmt.Fprint(p.out, "\r\x1b[K"+line)
}

// fit appends parts as long as the line has no more than width columns.
func fit(line string, parts []string, width int) string {
	for _, part := range parts {
		if line != "" {
			part = "  " + part
		}
		if utf8.RuneCountInString(line+part) > width {
			break
		}
		line += part
	}
	return line
}

// shortestBar is one that still tells something.
const shortestBar = 8

func bar(columns int, share float64) string {
	if columns < shortestBar {
		return ""
	}
	full := max(0, min(columns, int(float64(columns)*share)))
	return "  " + strings.Repeat("━", full) + strings.Repeat("─", columns-full)
}
