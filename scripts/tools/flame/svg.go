package main

import (
	_ "embed"
	"fmt"
	"html"
	"io"
)

// Sizes in pixels. The script knows rows and margins by the attributes it reads.
const (
	width   = 1400
	row     = 17
	top     = 46
	margin  = 10
	letter  = 6.7 // of the font, at most
	bottom  = 30
	minText = 22
)

//go:embed script.js
var script string

// writeSVG draws boxes from the top down: who ran, then what they called.
func writeSVG(w io.Writer, v *view) {
	height := top + v.depth*row + bottom
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="ui-monospace,Menlo,Consolas,monospace" font-size="11">
<style>.f{cursor:pointer}.f:hover rect{stroke:#000}.f text{pointer-events:none}.old rect{opacity:.45}.hit rect{stroke:#c0c;stroke-width:2}</style>
<rect width="100%%" height="100%%" fill="#fff"/>
<text x="%d" y="18" font-size="15" font-family="sans-serif">%s</text>
<text x="%d" y="35" fill="#555" font-family="sans-serif">%s. Click: widen. Ctrl-F or /: find.</text>
<text id="info" x="%d" y="35" text-anchor="end" font-family="sans-serif"></text>
`, width, height, width, height, margin, html.EscapeString(v.title), margin, html.EscapeString(v.note), width-margin)
	writeLegend(w, v.legend, height)
	for _, b := range v.boxes {
		writeBox(w, b)
	}
	fmt.Fprintf(w, "<script><![CDATA[\nconst W=%d,M=%d,L=%g,MIN=%d;\n%s]]></script>\n</svg>\n", width-2*margin, margin, letter, minText, script)
}

func writeBox(w io.Writer, b box) {
	x, y, wide := margin+b.x*(width-2*margin), top+b.depth*row, b.width*(width-2*margin)
	name := html.EscapeString(b.name)
	fmt.Fprintf(w, `<g class="f" data-n="%s" data-x="%.6f" data-w="%.6f" data-d="%d"><title>%s</title><rect x="%.2f" y="%d" width="%.2f" height="%d" rx="1" fill="%s" stroke="#fff" stroke-width=".5"/><text x="%.2f" y="%d">%s</text></g>
`, name, b.x, b.width, b.depth, html.EscapeString(b.tip), x, y, wide, row-1, b.colour, x+3, y+12, html.EscapeString(fit(b, wide)))
}

// fit cuts a name to its box. The end is what tells functions apart, so the package goes first; who ran begins with it.
func fit(b box, wide float64) string {
	if wide < minText {
		return ""
	}
	room := int((wide - 6) / letter)
	runes := []rune(b.name)
	switch {
	case len(runes) <= room:
		return b.name
	case room < 3:
		return ""
	case b.depth < 2:
		return string(runes[:room-1]) + "…"
	}
	return "…" + string(runes[len(runes)-room+1:])
}

func writeLegend(w io.Writer, legend []entry, height int) {
	x := margin
	for _, e := range legend {
		fmt.Fprintf(w, `<rect x="%d" y="%d" width="11" height="11" fill="%s"/><text x="%d" y="%d">%s</text>
`, x, height-20, e.colour, x+15, height-10, html.EscapeString(e.name))
		x += 15 + int(letter*float64(len(e.name))) + 18
	}
}
