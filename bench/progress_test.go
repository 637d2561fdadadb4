package bench

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var midway = Sample{At: 5 * time.Second, Left: 5 * time.Second, Phase: "run", Interval: time.Second, Connected: 100, Sent: 120000, Delivered: 120000,
	P99: 12300 * time.Microsecond, CPU: 0.99, RSS: 12 << 20}

func TestOnATerminalOneLineIsDrawnAnew(t *testing.T) {
	for _, width := range []int{20, 40, 80, 200} {
		var out bytes.Buffer
		p := NewProgress(&out, func() int { return width })
		start := midway
		start.Left = 10 * time.Second
		p.Show(start)
		p.Show(midway)
		p.Done()
		drawn := strings.Split(out.String(), "\r\x1b[K")
		if len(drawn) != 4 || drawn[3] != "" || strings.Contains(out.String(), "\n") {
			t.Fatalf("width %d: got %q, want two lines drawn and the last one cleared", width, out.String())
		}
		line := drawn[2]
		if n := utf8.RuneCountInString(line); n >= width {
			t.Errorf("width %d: the line has %d columns: %q", width, n, line)
		}
		if !strings.HasPrefix(line, "run") {
			t.Errorf("width %d: got %q", width, line)
		}
		for _, want := range []string{"120k/s", "p99 12.3 ms", "no errors", "5s left"} {
			if width >= 80 && !strings.Contains(line, want) {
				t.Errorf("width %d: got %q without %q", width, line, want)
			}
		}
		if full, empty := strings.Count(line, "━"), strings.Count(line, "─"); width == 200 && (full != 15 || empty != 15) {
			t.Errorf("halfway the bar is %d of %d: %q", full, full+empty, line)
		}
	}
}

func TestElsewhereLinesAreFew(t *testing.T) {
	var out bytes.Buffer
	p := NewProgress(&out, nil)
	now := time.Unix(0, 0)
	p.now = func() time.Time { return now }
	for i := range 12 { // one a second
		s := midway
		if i < 2 {
			s.Phase = "connect"
		}
		if i == 4 {
			s.Errors = 3
		}
		p.Show(s)
		now = now.Add(time.Second)
	}
	p.Done()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 6 || !strings.HasPrefix(lines[0], "connect") || !strings.HasPrefix(lines[1], "run") || !strings.Contains(lines[2], "3 ERRORS") {
		t.Errorf("got %q, want one for each phase and one every 2 s with the errors since", lines)
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Errorf("got escapes: %q", out.String())
	}
}
