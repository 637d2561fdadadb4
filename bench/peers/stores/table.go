package main

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/penstock-mqtt/penstock/bench/internal/human"
)

// tables writes what was measured, as Markdown.
func (s *settings) tables(w io.Writer, stores []string, results map[string]*outcome) error {
	var b bytes.Buffer
	b.WriteString("| | store | CPU a message | messages/s | written for a byte of payload | RSS |\n|---|---|---|---|---|---|\n")
	for _, t := range tasks {
		for _, name := range stores {
			if o := results[t.title+name]; t.commit > 0 {
				fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", t.title, name, o.cpu(),
					human.Number(o.median(func(u *usage) float64 { return float64(u.Messages) / u.Took.Seconds() })),
					human.Number(o.median(func(u *usage) float64 { return float64(u.Written) / float64(u.Messages*payloadSize) })), o.rss())
			}
		}
	}
	fmt.Fprintf(&b, "\n| %s messages there again after a kill | took | CPU a message | RSS | on the disk |\n|---|---|---|---|---|\n", human.Count(s.messages))
	for _, name := range stores {
		o := results[recovery+name]
		took := o.median(func(u *usage) float64 { return float64(u.Took) })
		slices.Sort(o.sizes)
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", name, human.Duration(time.Duration(took)), o.cpu(), o.rss(),
			human.Bytes(float64(o.sizes[len(o.sizes)/2])))
	}
	fmt.Fprintf(&b, "\n%s, medians of %s, stores taking turns; %s/%s, %s\n", time.Now().UTC().Format("2006-01-02"),
		human.Plural(s.rounds, "round"), runtime.GOOS, runtime.GOARCH, human.Plural(runtime.NumCPU(), "core"))
	_, err := w.Write(b.Bytes())
	return err
}

func (o *outcome) cpu() string {
	return human.Duration(time.Duration(o.median(func(u *usage) float64 { return float64(u.CPU) / float64(u.Messages) })))
}

func (o *outcome) rss() string {
	return human.Bytes(o.median(func(u *usage) float64 { return float64(u.RSS) }))
}

// median is that of a figure over the rounds.
func (o *outcome) median(of func(u *usage) float64) float64 {
	values := make([]float64, len(o.runs))
	for i := range o.runs {
		values[i] = of(&o.runs[i])
	}
	slices.Sort(values)
	return values[len(values)/2]
}
