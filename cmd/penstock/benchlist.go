package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/penstock-mqtt/penstock/bench"
)

// benchListCmd lists what can be run.
type benchListCmd struct{}

// Run writes a line each.
func (benchListCmd) Run(out io.Writer) error {
	_, err := fmt.Fprintln(out, scenarioList())
	return err
}

// scenarioList is the scenarios and presets, a line each.
func scenarioList() string {
	var b strings.Builder
	b.WriteString("Scenarios:\n")
	for _, s := range bench.Scenarios() {
		fmt.Fprintf(&b, "  %-16s %s\n", s.Name, s.Summary)
	}
	b.WriteString("\nPresets, after other people's benchmarks; --scale 0.1 takes a tenth of their clients and rates:\n")
	for _, p := range bench.Presets() {
		fmt.Fprintf(&b, "  %-26s %s\n", p.Name, p.Summary)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// knownScenario refuses a name that is none, with those that look like it.
func knownScenario(name string) error {
	var names []string
	for _, s := range bench.Scenarios() {
		names = append(names, s.Name)
	}
	for _, p := range bench.Presets() {
		names = append(names, p.Name)
	}
	if slices.Contains(names, name) {
		return nil
	}
	if near := nearest(name, names); len(near) > 0 {
		return usage("there is no scenario %q; did you mean %s?", name, strings.Join(near, " or "))
	}
	return usage("there is no scenario %q; penstock bench list tells which there are", name)
}

// nearest are at most three names that begin like the given one, or differ from it by few letters.
func nearest(name string, names []string) []string {
	name = strings.ToLower(name)
	distances := map[string]int{}
	var near []string
	for _, n := range names {
		lower := strings.ToLower(n)
		d := distance(name, lower)
		if len(name) >= 2 && (strings.HasPrefix(lower, name) || strings.HasPrefix(name, lower)) {
			d = 0
		}
		if d <= 1+len(name)/4 {
			distances[n] = d
			near = append(near, n)
		}
	}
	slices.SortStableFunc(near, func(a, b string) int { return distances[a] - distances[b] })
	return near[:min(3, len(near))]
}

// distance is how many letters have to be put in, taken out or changed to make a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
