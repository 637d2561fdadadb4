package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// box is a node as it is drawn: where, how wide (both as shares of the picture), in which colour, and what it says.
type box struct {
	name, tip, colour string
	x, width          float64
	depth             int
}

// view is all of a picture.
type view struct {
	title  string
	note   string
	boxes  []box
	depth  int
	legend []entry
}

type entry struct{ name, colour string }

// narrowest is the share below which a box is left out: a third of a pixel, with what it called.
const narrowest = 0.0003

// picture lays a tree out. With old it shows the difference: widths are the mean of the two shares, so that what is gone
// is still seen, and colours say which way a share has gone.
func picture(t, old *tree, title string) *view {
	v := &view{title: title, note: fmt.Sprintf("%s in all", quantity(t.root.value, t.unit))}
	was := t.root
	if old != nil {
		was = old.root
		v.note = fmt.Sprintf("shares of %s (new) and %s (old); width is their mean", quantity(t.root.value, t.unit), quantity(was.value, old.unit))
		v.legend = []entry{{"grown by 5 points or more", heat(0.05)}, {"the same", heat(0)}, {"shrunk by 5 points or more", heat(-0.05)}}
	} else {
		for _, p := range parts {
			v.legend = append(v.legend, entry{p.name, hue(p.hue, "")})
		}
	}
	l := layout{view: v, new: t, old: old}
	l.place(t.root, was, 0, 0)
	return v
}

type layout struct {
	view *view
	new  *tree
	old  *tree
}

var nothing = &node{}

// place draws a pair of nodes and, below them, their pairs of children, in the order of their names so that two pictures
// look alike.
func (l *layout) place(n, was *node, x float64, depth int) (width float64) {
	now, then := share(n.value, l.new.root.value), 0.0
	width = now
	if l.old != nil {
		then = share(was.value, l.old.root.value)
		width = (now + then) / 2
	}
	if width < narrowest {
		return width
	}
	name := cmp.Or(n.name, was.name)
	b := box{name: name, x: x, width: width, depth: depth}
	switch {
	case l.old != nil:
		b.colour = heat(now - then)
		b.tip = fmt.Sprintf("%s: %.2f %% of all, was %.2f %% (%+.2f points)", name, 100*now, 100*then, 100*(now-then))
	default:
		b.colour = colour(name, depth)
		b.tip = fmt.Sprintf("%s: %.2f %% of all (%s), itself %.2f %%", name, 100*now, quantity(n.value, l.new.unit), 100*share(n.self, l.new.root.value))
	}
	l.view.boxes = append(l.view.boxes, b)
	l.view.depth = max(l.view.depth, depth+1)
	names := map[string]bool{}
	for k := range n.kids {
		names[k] = true
	}
	for k := range was.kids {
		names[k] = true
	}
	for _, k := range sorted(names) {
		a, b := n.kids[k], was.kids[k]
		if a == nil {
			a = nothing
		}
		if b == nil {
			b = nothing
		}
		x += l.place(a, b, x, depth+1)
	}
	return width
}

func sorted(set map[string]bool) []string {
	names := make([]string, 0, len(set))
	for k := range set {
		names = append(names, k)
	}
	slices.Sort(names)
	return names
}

// colour of a function is its part's, a little lighter or darker so that neighbours differ. The rows above the
// functions are grey.
func colour(name string, depth int) string {
	if depth < 2 {
		return fmt.Sprintf("hsl(0,0%%,%d%%)", 82-4*depth)
	}
	at := part(name)
	for _, p := range parts {
		if p.name == at {
			return hue(p.hue, name)
		}
	}
	return "hsl(60,10%,80%)"
}

func hue(h int, name string) string {
	light := 70
	for _, c := range name {
		light = 64 + (light*7+int(c))%14
	}
	return fmt.Sprintf("hsl(%d,65%%,%d%%)", h, light)
}

// heat is red for what has grown, blue for what has shrunk, full at five points.
func heat(change float64) string {
	strength := math.Min(math.Abs(change)/0.05, 1)
	if strength < 0.01 {
		return "hsl(0,0%,90%)"
	}
	h := 0
	if change < 0 {
		h = 220
	}
	return fmt.Sprintf("hsl(%d,80%%,%.0f%%)", h, 92-32*math.Sqrt(strength))
}

// quantity writes a value in its unit.
func quantity(v int64, unit string) string {
	switch unit {
	case "nanoseconds":
		return time.Duration(v).Round(time.Duration(max(1, math.Pow10(max(0, int(math.Log10(float64(max(v, 1))))-2))))).String()
	case "bytes":
		f, i := float64(v), 0
		for ; f >= 1000 && i < 4; i++ {
			f /= 1024
		}
		return fmt.Sprintf("%.3g %s", f, [...]string{"B", "KiB", "MiB", "GiB", "TiB"}[i])
	}
	return fmt.Sprintf("%d %s", v, unit)
}
