package seglog

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// Text writes the report for a person to read.
func (r Report) Text(w io.Writer) {
	r.head(w)
	r.table(w)
	holesTo(w, "Damage", r.Recovery.Holes)
	holesTo(w, "Healed earlier", r.Earlier)
	if len(r.Earlier) > 0 {
		fmt.Fprintln(w, "These stay listed until their segments are removed, which the broker does by itself once the files hold much more than what counts. "+
			"The originals stay until somebody removes them.")
	}
	if len(r.Recovery.Holes)+len(r.Earlier) > 0 && r.OrphanSessions+r.OrphanDeliveries > 0 {
		fmt.Fprintf(w, "\nLeft out, because what they belong to is lost: sessions %d, deliveries %d.\n", r.OrphanSessions, r.OrphanDeliveries)
	}
}

func (r *Report) head(w io.Writer) {
	fmt.Fprintf(w, "Store %s in %s, made %s.\n", r.Store, r.Dir, r.Made.UTC().Format(time.DateTime))
	switch {
	case r.Held:
		fmt.Fprintf(w, "In use by process %s: what that writes now may be missing here.\n", r.Holder)
	case r.Recovery.Clean:
		fmt.Fprintln(w, "It was closed.")
	default:
		fmt.Fprintln(w, "It was not closed: its process ended without.")
	}
	if n := r.Recovery.TornBytes; n > 0 {
		fmt.Fprintf(w, "The last %d bytes are of commits that were not finished, and do not count.\n", n)
	}
	fmt.Fprintf(w, "Sessions %d, subscriptions %d, messages %d, deliveries %d, retained messages %d, notes %d.\n",
		r.Sessions, r.Subscriptions, r.Messages, r.Deliveries, r.Retained, r.Notes)
	fmt.Fprintf(w, "Frames %d, records %d, last LSN %d. Bytes of files %d, of which %d count.\n",
		r.Recovery.Frames, r.Recovery.Records, r.LSN, r.Bytes, r.LiveBytes)
}

func (r *Report) table(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nSEGMENT\tSTATE\tBYTES\tUSED\tLIVE\tLSN\tRECORDS")
	for _, s := range r.Segments {
		fmt.Fprintf(t, "%08x\t%s\t%d\t%d\t%d\t%s\t%s\n", s.ID, s.State, s.Bytes, s.Used, s.Live, lsnText(s.First, s.Last), recordsText(s.Records))
	}
	_ = t.Flush()
	for _, name := range r.Quarantine {
		fmt.Fprintln(w, "moved aside:", name)
	}
}

func lsnText(first, last uint64) string {
	switch {
	case last == 0:
		return "none"
	case first == last:
		return fmt.Sprint(last)
	}
	return fmt.Sprintf("%d-%d", first, last)
}

func recordsText(records map[string]uint64) string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(records)) {
		parts = append(parts, fmt.Sprintf("%d %s", records[kind], kind))
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// holesTo writes down holes, and what they may mean together.
func holesTo(w io.Writer, title string, holes []store.Hole) {
	if len(holes) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s:\n", title)
	var lost total
	for i := range holes {
		holeTo(w, &holes[i])
		lost.add(&holes[i])
	}
	lost.to(w)
}

func holeTo(w io.Writer, h *store.Hole) {
	fmt.Fprintf(w, "- segment %08x, offset %d, %d bytes: %s (found %s).\n", h.Segment, h.Offset, h.Bytes, h.Reason, h.Found.UTC().Format(time.DateTime))
	if h.File != "" {
		fmt.Fprintf(w, "  The original lies in %s.\n", h.File)
	}
	if h.LastLSN == 0 {
		fmt.Fprintln(w, "  Nothing is missing.")
		return
	}
	fmt.Fprintf(w, "  Missing: LSN %s", lsnText(h.FirstLSN, h.LastLSN))
	switch {
	case h.Records == nil:
		fmt.Fprintln(w, "; nobody knows with which records.")
	case h.Estimated:
		fmt.Fprintf(w, "; all holes of this segment together held %s.\n", recordsText(h.Records))
	default:
		fmt.Fprintf(w, ", with %s.\n", recordsText(h.Records))
	}
}

// total is what several holes have lost.
type total struct {
	records map[string]uint64
	told    map[uint64]bool // segments whose holes have been counted together
	unknown bool            // of some nobody knows
	any     bool
}

func (t *total) add(h *store.Hole) {
	switch {
	case h.LastLSN == 0 || t.told[h.Segment]:
		return
	case h.Records == nil:
		t.unknown = true
	}
	t.any = true
	if t.records == nil {
		t.records, t.told = map[string]uint64{}, map[uint64]bool{}
	}
	t.told[h.Segment] = h.Estimated
	for kind, n := range h.Records {
		t.records[kind] += n
	}
}

// to says in words what was lost, and what may have risen or been repeated.
func (t *total) to(w io.Writer) {
	if !t.any {
		return
	}
	fmt.Fprintln(w, "What that may mean:")
	for _, c := range consequences {
		switch n := t.records[c.kind.String()]; {
		case t.unknown && n == 0:
			fmt.Fprintf(w, "- %s.\n", c.what)
		case t.unknown:
			fmt.Fprintf(w, "- %s: %d and more.\n", c.what, n)
		case n > 0:
			fmt.Fprintf(w, "- %s: up to %d.\n", c.what, n)
		}
	}
}

// consequences are ordered by what weighs most. A record that is lost may stand elsewhere as well, or have said nothing any more,
// so that all of them say "may".
var consequences = []struct {
	kind store.Kind
	what string
}{
	{store.MSG, "Messages may be lost, for all who have not received them"},
	{store.ENQ, "Deliveries may be lost"},
	{store.SES, "Sessions may be lost, with their subscriptions and queues, or be as they were before"},
	{store.SUB, "Subscriptions may be lost or be as they were before"},
	{store.RET, "Retained messages may be lost or be older ones"},
	{store.META, "Notes of the broker may be lost or be older ones"},
	{store.QIN, "QoS 2 messages that clients send again may be delivered twice"},
	{store.ACK, "Deliveries that were acknowledged may be repeated"},
	{store.REL, "QoS 2 deliveries may be repeated to clients that have them"},
	{store.QINDEL, "QoS 2 messages may be taken for repeated ones and lost"},
	{store.SESDEL, "Sessions that were over may have risen, with their queues and wills"},
	{store.UNSUB, "Subscriptions that were over may have risen"},
	{store.RETDEL, "Retained messages that were taken away may have risen"},
}
