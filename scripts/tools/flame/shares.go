package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
)

// writeShares prints who used how much of the whole, then which part of the program did so by itself (without what it
// called), and beside them what it was in old.
func writeShares(w io.Writer, t, old *tree) {
	shares := []map[string]float64{t.actors(), t.parts()}
	var was []map[string]float64
	if old != nil {
		was = []map[string]float64{old.actors(), old.parts()}
	}
	for i, heading := range []string{"who", "part, by itself"} {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if was == nil {
			fmt.Fprintf(w, "%-18s %7s\n", heading, "share")
			for _, name := range byShare(shares[i]) {
				fmt.Fprintf(w, "%-18s %6.1f%%\n", name, 100*shares[i][name])
			}
			continue
		}
		fmt.Fprintf(w, "%-18s %7s %7s %8s\n", heading, "old", "new", "points")
		for _, name := range byShare(shares[i], was[i]) {
			a, b := 100*was[i][name], 100*shares[i][name]
			fmt.Fprintf(w, "%-18s %6.1f%% %6.1f%% %+8.1f\n", name, a, b, b-a)
		}
	}
}

func (t *tree) actors() map[string]float64 {
	m := map[string]float64{}
	for name, n := range t.root.kids {
		m[name] = share(n.value, t.root.value)
	}
	return m
}

func (t *tree) parts() map[string]float64 {
	m := map[string]float64{}
	var add func(n *node)
	add = func(n *node) {
		if n.self != 0 {
			m[part(n.name)] += share(n.self, t.root.value)
		}
		for _, k := range n.kids {
			add(k)
		}
	}
	add(t.root)
	return m
}

func share(v, of int64) float64 {
	if of == 0 {
		return 0
	}
	return float64(v) / float64(of)
}

// byShare lists the names of all maps, the largest share first.
func byShare(maps ...map[string]float64) []string {
	largest := map[string]float64{}
	for _, m := range maps {
		for name, v := range m {
			largest[name] = max(largest[name], v)
		}
	}
	names := make([]string, 0, len(largest))
	for name := range largest {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(largest[b], largest[a]), cmp.Compare(a, b))
	})
	return names
}
