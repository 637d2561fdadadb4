package admin

import (
	"net/http"
	"strings"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// Store is where the broker keeps its state, and how the store does. Counters begin with the process. Without a store all
// but State is zero.
type Store struct {
	State   string `json:"state"` // "memory": there is no store; "opening": it is being read; else "ok", "slow", "full" or "failed"
	Failure string `json:"failure,omitempty"`
	Path    string `json:"path,omitempty"`
	Sync    string `json:"sync,omitempty"` // "always", "interval" or "none"

	Bytes     int64 `json:"bytes"`       // of the files
	LiveBytes int64 `json:"live_bytes"`  // of what still counts in them
	Quota     int64 `json:"quota_bytes"` // 0: none
	Free      int64 `json:"free_bytes"`  // on the file system
	Segments  int   `json:"segments"`

	Sessions      int `json:"sessions"`
	Subscriptions int `json:"subscriptions"`
	Messages      int `json:"messages"`
	Deliveries    int `json:"deliveries"` // of the messages, to sessions
	Retained      int `json:"retained"`

	LSN        uint64 `json:"lsn"`         // number of the newest commit
	DurableLSN uint64 `json:"durable_lsn"` // of the newest one that is known to be on the disk

	Commits        uint64  `json:"commits"`
	Batches        uint64  `json:"batches"` // of the event loops, in the commits
	Records        uint64  `json:"records"`
	WrittenBytes   uint64  `json:"written_bytes"`
	CopiedBytes    uint64  `json:"copied_bytes"` // of those: moved on, to free old segments
	Reclaimed      uint64  `json:"reclaimed_segments"`
	Syncs          uint64  `json:"syncs"`
	SyncSeconds    float64 `json:"sync_seconds"`     // altogether
	SyncMaxSeconds float64 `json:"sync_max_seconds"` // the longest
	Loads          uint64  `json:"loads"`
	Waiting        int     `json:"waiting_batches"`
	WaitingBytes   int64   `json:"waiting_bytes"`
	GatherSeconds  float64 `json:"gather_seconds"` // how long a commit waits for more at present
	Full           uint64  `json:"full"`           // times it had no room
	Rejected       uint64  `json:"rejected_batches"`

	Recovery Recovery `json:"recovery"`
}

// Recovery is what the last start has found.
type Recovery struct {
	Seconds   float64 `json:"seconds"`
	Bytes     int64   `json:"bytes"`
	Frames    uint64  `json:"frames"`
	Records   uint64  `json:"records"`
	Clean     bool    `json:"clean"`      // the process before had closed the store
	TornBytes int64   `json:"torn_bytes"` // cut off the end
	Holes     []Hole  `json:"holes,omitempty"`
}

// Hole is a part of the log that could not be read, in this start or in one before.
type Hole struct {
	Segment   uint64            `json:"segment"`
	File      string            `json:"file"` // where the damaged original lies now
	Offset    int64             `json:"offset"`
	Bytes     int64             `json:"bytes"`
	FirstLSN  uint64            `json:"first_lsn,omitempty"` // of the commits that are gone
	LastLSN   uint64            `json:"last_lsn,omitempty"`
	Found     time.Time         `json:"found"`
	Reason    string            `json:"reason"`
	Records   map[string]uint64 `json:"records,omitempty"`   // by kind
	Estimated bool              `json:"estimated,omitempty"` // Records is of more than this hole
}

// States besides how a store keeps up: of a broker without one, and of one that has not read its yet.
const (
	InMemory = "memory"
	Opening  = "opening"
)

// StoreOf is what a store tells about itself as the API shows it.
func StoreOf(s *store.Stats) Store {
	return Store{
		State: s.Pressure.String(), Failure: s.Failure, Path: s.Path, Sync: s.Sync,
		Bytes: s.Bytes, LiveBytes: s.LiveBytes, Quota: s.Quota, Free: s.FreeBytes, Segments: s.Segments,
		Sessions: s.Sessions, Subscriptions: s.Subscriptions, Messages: s.Messages, Deliveries: s.Deliveries, Retained: s.Retained,
		LSN: s.LSN, DurableLSN: s.DurableLSN,
		Commits: s.Commits, Batches: s.Batches, Records: s.Records, WrittenBytes: s.WrittenBytes, CopiedBytes: s.CopiedBytes,
		Reclaimed: s.Reclaimed, Syncs: s.Syncs, SyncSeconds: s.SyncTime.Seconds(), SyncMaxSeconds: s.SyncTimeMax.Seconds(),
		Loads: s.Loads, Waiting: s.Waiting, WaitingBytes: s.WaitingBytes, GatherSeconds: s.Gather.Seconds(),
		Full: s.FullCount, Rejected: s.Rejected,
		Recovery: recoveryOf(&s.Recovery),
	}
}

func recoveryOf(r *store.Recovery) Recovery {
	out := Recovery{Seconds: r.Took.Seconds(), Bytes: r.Bytes, Frames: r.Frames, Records: r.Records, Clean: r.Clean, TornBytes: r.TornBytes}
	for _, h := range r.Holes {
		out.Holes = append(out.Holes, Hole(h))
	}
	return out
}

// store answers as JSON or, to who does not ask for that on the page for people, as text.
func (s *Server) store(w http.ResponseWriter, r *http.Request) {
	out := Store{State: InMemory}
	if st, ok := s.Broker.StoreStats(); ok {
		out = StoreOf(&st)
		if s.state() == starting {
			out.State = Opening
		}
	}
	if wantsText(r) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_ = out.Text(w)
		return
	}
	reply(w, http.StatusOK, out)
}

// wantsText tells which of the two is named in Accept; where neither is, the API answers in JSON and the page in text.
func wantsText(r *http.Request) bool {
	accept := strings.ToLower(strings.Join(r.Header.Values("Accept"), ","))
	plain, structured := strings.Contains(accept, "text/"), strings.Contains(accept, "application/json")
	if plain != structured {
		return plain
	}
	return !strings.HasPrefix(r.URL.Path, "/api/")
}

// storeState is the State of Store, and why it cannot go on; empty: it can.
func (s *Server) storeState() (state, failed string) {
	st, ok := s.Broker.StoreStats()
	switch {
	case !ok:
		return InMemory, ""
	case s.state() == starting:
		return Opening, ""
	case st.Pressure == store.Failed:
		failed = "the store has failed: " + st.Failure
	}
	return st.Pressure.String(), failed
}
