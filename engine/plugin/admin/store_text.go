package admin

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// Text writes the store as a person reads it: the page /store, and penstock ctl store.
func (s *Store) Text(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if s.State == InMemory {
		fmt.Fprintln(w, "state\tkept in memory, it ends with the process")
		return w.Flush()
	}
	fmt.Fprintf(w, "state\tkept in %s, sync %s\n", printable(s.Path), s.Sync)
	fmt.Fprintf(w, "store\t%s\n", s.condition())
	if s.State == Opening {
		return w.Flush()
	}
	fmt.Fprintf(w, "holds\t%s\n", s.holdings())
	fmt.Fprintf(w, "files\t%s\n", s.room())
	fmt.Fprintf(w, "commits\t%d, for %s with %s; %s written, %s of it moved to free %s\n", s.Commits, several(s.Batches, "batch"),
		several(s.Records, "record"), sizeText(int64(s.WrittenBytes)), sizeText(int64(s.CopiedBytes)), several(s.Reclaimed, "segment"))
	fmt.Fprintf(w, "syncs\t%s\n", s.syncs())
	fmt.Fprintf(w, "waiting\t%s (%s), gathered for %s\n", several(s.Waiting, "batch"), sizeText(s.WaitingBytes), spanText(s.GatherSeconds))
	if s.Full > 0 || s.Rejected > 0 {
		fmt.Fprintf(w, "trouble\t%s without room, %s failed\n", several(s.Full, "time"), several(s.Rejected, "batch"))
	}
	fmt.Fprintf(w, "start\t%s\n", s.Recovery.text())
	if err := w.Flush(); err != nil {
		return err
	}
	return HolesText(out, s.Recovery.Holes)
}

// condition is the state with its reason.
func (s *Store) condition() string {
	what := map[string]string{
		Opening: "what it holds is being read", "slow": "publishers are slowed down", "full": "what would have to be stored is refused",
		"failed": "nothing is stored any more; the broker has to be restarted",
	}[s.State]
	text := s.State
	if what != "" {
		text += ": " + what
	}
	if s.Failure != "" {
		text += " (" + printable(s.Failure) + ")"
	}
	return text
}

func (s *Store) holdings() string {
	return fmt.Sprintf("%s with %s, %s for %s, %s", several(s.Sessions, "session"), several(s.Subscriptions, "subscription"),
		several(s.Messages, "message"), several(s.Deliveries, "delivery"), several(s.Retained, "retained message"))
}

func (s *Store) room() string {
	text := fmt.Sprintf("%s with %s in use, %s of it counts", sizeText(s.Bytes), several(s.Segments, "segment"), sizeText(s.LiveBytes))
	if s.Quota > 0 {
		text += fmt.Sprintf("; quota %s", sizeText(s.Quota))
	}
	return text + fmt.Sprintf("; %s free on the file system", sizeText(s.Free))
}

func (s *Store) syncs() string {
	if s.Syncs == 0 {
		return "none yet"
	}
	text := fmt.Sprintf("%d, %s on average, %s at most", s.Syncs, spanText(s.SyncSeconds/float64(s.Syncs)), spanText(s.SyncMaxSeconds))
	if behind := s.LSN - min(s.DurableLSN, s.LSN); behind > 0 {
		text += fmt.Sprintf("; %s not on the disk yet", several(behind, "commit"))
	}
	return text
}

func (r *Recovery) text() string {
	if r.Frames == 0 && len(r.Holes) == 0 {
		return "the store was new"
	}
	text := fmt.Sprintf("read %s in %s", sizeText(r.Bytes), spanText(r.Seconds))
	if r.Clean {
		return text
	}
	text += "; the process before did not close the store"
	if r.TornBytes > 0 {
		text += fmt.Sprintf(", %s of an unfinished commit were cut off", sizeText(r.TornBytes))
	}
	return text
}

// HolesText writes what was lost, and what that may mean; nothing when there are no holes.
func HolesText(out io.Writer, holes []Hole) error {
	if len(holes) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nDAMAGE FOUND\tREASON\tCOMMITS LOST\tBYTES\tAT\tFILE")
	for i := range holes {
		h := &holes[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\tsegment %d, %d\t%s\n",
			h.Found.Local().Format(time.DateTime), printable(h.Reason), h.commits(), h.Bytes, h.Segment, h.Offset, printable(h.File))
	}
	for i := range holes {
		if h := &holes[i]; len(h.Records) > 0 {
			about := "it held"
			if h.Estimated {
				about = "all that is missing of its segment held"
			}
			fmt.Fprintf(w, "segment %d, %d:\t%s %s\n", h.Segment, h.Offset, about, recordsText(h.Records))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(out, "\nLost commits hold what was stored, which is gone, and what took something back: sessions, subscriptions, retained\n"+
		"messages and deliveries that were over may be there again, and messages may be repeated, QoS 2 among them.\n")
	return err
}

// commits says which are missing.
func (h *Hole) commits() string {
	switch {
	case h.LastLSN == 0:
		return "none"
	case h.FirstLSN == h.LastLSN:
		return fmt.Sprintf("1 (%d)", h.FirstLSN)
	}
	return fmt.Sprintf("%d (%d to %d)", h.LastLSN-h.FirstLSN+1, h.FirstLSN, h.LastLSN)
}

// recordsText lists the kinds of records by name.
func recordsText(by map[string]uint64) string {
	var list []string
	for _, kind := range slices.Sorted(maps.Keys(by)) {
		list = append(list, fmt.Sprintf("%d %s", by[kind], kind))
	}
	return strings.Join(list, ", ")
}

// several is a number with its noun.
func several[N int | uint64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	switch stem, ok := strings.CutSuffix(noun, "y"); {
	case ok:
		noun = stem + "ies"
	case strings.HasSuffix(noun, "ch"):
		noun += "es"
	default:
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// printable is a name or a reason as a terminal may have it.
func printable(s string) string {
	switch {
	case s == "":
		return "-"
	case strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }):
		return strconv.Quote(s)
	}
	return s
}

// sizeText writes bytes with a unit of 1,024s.
func sizeText(n int64) string {
	size, units := float64(n), []string{"B", "KiB", "MiB", "GiB", "TiB"}
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	i := 0
	for ; size >= 1024 && i < len(units)-1; i++ {
		size /= 1024
	}
	return fmt.Sprintf("%.1f %s", size, units[i])
}

// spanText writes seconds to three digits or so.
func spanText(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	for unit := time.Second; unit >= time.Microsecond; unit /= 1000 {
		if d >= unit {
			return d.Round(unit / 100).String()
		}
	}
	return d.String()
}
