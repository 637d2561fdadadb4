package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/penstock-mqtt/penstock/engine/plugin/admin"
)

type ctlListeners struct{}

// Run prints the listeners: how they do, what they have refused and why, and when their certificates end.
func (*ctlListeners) Run(ctl *CtlCmd, out io.Writer) error {
	var all admin.Listeners
	if done, err := ctl.ask("GET", api+"listeners", nil, out, &all); done || err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "LISTENER\tURL\tCONNECTIONS\tCONNECTING\tEARLY BYTES\tBACKLOG\tACCEPTED\tSHED\tREFUSED\tLEFT")
	for i := range all.Listeners {
		l := &all.Listeners[i]
		backlog := "-"
		if l.Waiting {
			backlog = "waits"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\t%s\t%d\t%d\t%d\t%d\n", shown(l.Name), shown(l.URL), l.Connections, l.Connecting,
			size(float64(l.EarlyBytes)), backlog, l.Accepted, l.Shed, total(l.Refused)+total(l.ConnectsRefused), l.LeftConnect+l.LeftHandshake)
	}
	refusals(w, all.Listeners)
	certificates(w, &all)
	return w.Flush()
}

// refusals lists them by listener, the most frequent first.
func refusals(w *tabwriter.Writer, listeners []admin.Listener) {
	begin := section(w, "REFUSED BY\tCOUNT\tREASON")
	for i := range listeners {
		l := &listeners[i]
		counts := maps.Clone(l.Refused)
		for reason, n := range l.ConnectsRefused {
			counts["CONNECT: "+reason] = n
		}
		reasons := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
			return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
		})
		for _, reason := range reasons {
			begin()
			fmt.Fprintf(w, "%s\t%d\t%s\n", shown(l.Name), counts[reason], reason)
		}
	}
}

// certificates lists them with the soonest end first, and sums up what TLS has done.
func certificates(w *tabwriter.Writer, all *admin.Listeners) {
	begin := section(w, "TLS OF\tENDS\tSUBJECT\tFILE")
	secure := false
	for i := range all.Listeners {
		l := &all.Listeners[i]
		for _, c := range l.Certificates {
			secure = true
			begin()
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", shown(l.Name), end(c.NotAfter, time.Now()), shown(c.Subject), shown(c.File))
		}
	}
	if !secure {
		return
	}
	_ = w.Flush()
	h := all.Handshakes
	fmt.Fprintf(w, "\nhandshakes\t%d on their way, %d wait, %d full, %d resumed, %d failed\n", h.Active, h.Waiting, h.Full, h.Resumed, h.Failed)
	for i := range all.Listeners {
		if l := &all.Listeners[i]; len(l.Certificates) > 0 {
			fmt.Fprintf(w, "%s\t%d left in the handshake, %d reloads, %d failed\n", shown(l.Name), l.LeftHandshake, l.Reloads, l.ReloadsFailed)
		}
	}
}

// section gives a func that writes an empty line and the heading of a table when its first line comes.
func section(w *tabwriter.Writer, heading string) func() {
	begun := false
	return func() {
		if !begun {
			begun = true
			_ = w.Flush()
			fmt.Fprintf(w, "\n%s\n", heading)
		}
	}
}

// end is when something ends and how far off that is.
func end(at, now time.Time) string {
	day := at.Local().Format(time.DateTime)
	left := at.Sub(now)
	switch days := int(left.Hours() / 24); {
	case left <= 0:
		return day + " (ended)"
	case days == 0:
		return day + " (within a day)"
	case days == 1:
		return day + " (in a day)"
	default:
		return fmt.Sprintf("%s (in %d days)", day, days)
	}
}

func total(by map[string]uint64) (n uint64) {
	for _, v := range by {
		n += v
	}
	return n
}
