package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/penstock-mqtt/penstock/engine/plugin/admin"
	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
)

// storeReport is what status, check and repair print as JSON.
type storeReport struct {
	Directory string    `json:"directory"`
	Store     string    `json:"store"` // its identifier
	Made      time.Time `json:"made"`
	InUse     bool      `json:"in_use"`
	Holder    string    `json:"holder,omitempty"` // process that uses it

	Bytes     int64  `json:"bytes"`
	LiveBytes int64  `json:"live_bytes"`
	LSN       uint64 `json:"lsn"`

	Sessions         int `json:"sessions"`
	Subscriptions    int `json:"subscriptions"`
	Messages         int `json:"messages"`
	Deliveries       int `json:"deliveries"`
	Retained         int `json:"retained"`
	OrphanSessions   int `json:"orphan_sessions"`
	OrphanDeliveries int `json:"orphan_deliveries"`

	Clean      bool            `json:"clean"` // who used it last has closed it
	TornBytes  int64           `json:"torn_bytes"`
	Damage     []admin.Hole    `json:"damage"`  // found now
	Earlier    []admin.Hole    `json:"earlier"` // found and set aside before
	Quarantine []string        `json:"quarantine"`
	Segments   []segmentReport `json:"segments,omitempty"`
}

type segmentReport struct {
	ID      uint32            `json:"id"`
	File    string            `json:"file"`
	State   string            `json:"state"`
	Created time.Time         `json:"created"`
	Bytes   int64             `json:"bytes"`
	Used    int64             `json:"used_bytes"`
	Live    int64             `json:"live_bytes"`
	First   uint64            `json:"first_lsn"`
	Last    uint64            `json:"last_lsn"`
	Frames  uint64            `json:"frames"`
	Records map[string]uint64 `json:"records"`
}

func reportOf(r *seglog.Report, segments bool) storeReport {
	out := storeReport{
		Directory: r.Dir, Store: r.Store, Made: r.Made, InUse: r.Held, Holder: r.Holder, Bytes: r.Bytes, LiveBytes: r.LiveBytes, LSN: r.LSN,
		Sessions: r.Sessions, Subscriptions: r.Subscriptions, Messages: r.Messages, Deliveries: r.Deliveries, Retained: r.Retained,
		OrphanSessions: r.OrphanSessions, OrphanDeliveries: r.OrphanDeliveries, Clean: r.Recovery.Clean, TornBytes: r.Recovery.TornBytes,
		Damage: holesOf(r.Recovery.Holes), Earlier: holesOf(r.Earlier), Quarantine: append([]string{}, r.Quarantine...),
	}
	if segments {
		for _, s := range r.Segments {
			out.Segments = append(out.Segments, segmentReport{
				ID: s.ID, File: s.File, State: s.State, Created: s.Created, Bytes: s.Bytes, Used: s.Used, Live: s.Live,
				First: s.First, Last: s.Last, Frames: s.Frames, Records: s.Records,
			})
		}
	}
	return out
}

// holesOf is never nil: no damage is an empty list.
func holesOf(list []store.Hole) []admin.Hole {
	out := make([]admin.Hole, len(list))
	for i := range list {
		out[i] = admin.Hole(list[i])
	}
	return out
}

// statusText is what a person is told at a glance.
func statusText(out io.Writer, r *seglog.Report) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "store\t%s, made %s\n", shown(r.Dir), r.Made.Local().Format(time.DateTime))
	fmt.Fprintf(w, "state\t%s\n", endText(r))
	fmt.Fprintf(w, "holds\t%s with %s, %s for %s, %s\n", several(r.Sessions, "session"), several(r.Subscriptions, "subscription"),
		several(r.Messages, "message"), several(r.Deliveries, "delivery"), several(r.Retained, "retained message"))
	fmt.Fprintf(w, "files\t%s in %s, %s of it counts\n", size(float64(r.Bytes)), several(len(r.Segments), "segment"), size(float64(r.LiveBytes)))
	for _, file := range r.Quarantine {
		fmt.Fprintf(w, "set aside\t%s\n", shown(file))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(r.Recovery.Holes)+len(r.Earlier) == 0 {
		return nil
	}
	if err := admin.HolesText(out, append(holesOf(r.Recovery.Holes), holesOf(r.Earlier)...)); err != nil || len(r.Earlier) == 0 {
		return err
	}
	_, err := fmt.Fprint(out, "\nWhat was found at an earlier start is healed. It stays listed until its segment is removed, which the broker does by itself\n"+
		"once the files hold much more than what counts. The files that were set aside stay until somebody removes them.\n")
	return err
}

// endText says how the store was left.
func endText(r *seglog.Report) string {
	switch {
	case len(r.Recovery.Holes) > 0:
		return "DAMAGED: " + several(len(r.Recovery.Holes), "part") + " cannot be read"
	case r.Held:
		return "in use by process " + shown(r.Holder) + ": what that writes meanwhile may be missing here"
	case r.Recovery.Clean:
		return "closed"
	case r.Recovery.TornBytes > 0:
		return fmt.Sprintf("not closed; %s of a commit that was not finished will be cut off at the next start", size(float64(r.Recovery.TornBytes)))
	}
	return "not closed: the process has ended without"
}
