package admin

import (
	"net/http"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"

	"github.com/penstock-mqtt/penstock/engine"
)

// Status is the broker at a glance.
type Status struct {
	Version       string    `json:"version"`
	State         string    `json:"state"` // "starting", "serving" or "draining": it takes leave of its clients, or has
	Started       time.Time `json:"started"`
	UptimeSeconds float64   `json:"uptime_seconds"`
	Listeners     []Address `json:"listeners"`

	Connections   uint64 `json:"connections"` // of clients that were accepted
	Sessions      uint64 `json:"sessions"`    // with a connection or without
	Subscriptions uint64 `json:"subscriptions"`
	Retained      uint64 `json:"retained"`
	OutboundBytes int64  `json:"outbound_bytes"` // queued for connections
	Dropped       uint64 `json:"dropped"`        // messages that did not reach a receiver, since the start
	Store         string `json:"store"`          // "memory", "opening", or how the store keeps up: "ok", "slow", "full", "failed"

	Offline       uint64            `json:"sessions_offline"` // sessions without a connection
	Queued        uint64            `json:"queued"`           // messages that wait for sessions, counted for each
	QueuedBytes   uint64            `json:"queued_bytes"`
	DroppedBy     map[string]uint64 `json:"dropped_by_reason"`
	SessionsEnded map[string]uint64 `json:"sessions_ended_by_reason"` // sessions without a connection, since the start

	Rates  Rates  `json:"rates"`
	Memory Memory `json:"memory"`
	Loops  []Loop `json:"loops"`
}

// Address is where a listener listens.
type Address struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

// Rates are per second, over the last seconds. They are zero in the first second of a broker.
type Rates struct {
	OverSeconds      float64 `json:"over_seconds"`
	MessagesReceived float64 `json:"messages_received"`
	MessagesSent     float64 `json:"messages_sent"`
	BytesReceived    float64 `json:"bytes_received"`
	BytesSent        float64 `json:"bytes_sent"`
	Connects         float64 `json:"connects"`
	Dropped          float64 `json:"dropped"`
}

// Memory is what the process holds, in bytes.
type Memory struct {
	RSS        int64  `json:"rss_bytes"`   // resident, as the kernel says; 0 where it does not
	Heap       uint64 `json:"heap_bytes"`  // objects on the heap, dead ones that were not collected yet included
	Total      uint64 `json:"total_bytes"` // all that the Go runtime has mapped
	Goroutines int    `json:"goroutines"`
}

// Loop is one event loop.
type Loop struct {
	Loop        int     `json:"loop"`
	Connections int     `json:"connections"`
	Inbox       int     `json:"inbox"`       // items that others posted and that wait
	BusyShare   float64 `json:"busy_share"`  // of the last seconds, from 0 to 1; reading sockets is not in it
	LagSeconds  float64 `json:"lag_seconds"` // how late the last tick was handled, or how long one waits now
}

func (s *Server) status(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, s.glance()) }

func (s *Server) glance() Status {
	now := s.sample()
	before := s.pace.before(now.at)
	st := Status{
		Version: s.Version, State: s.state(), Started: s.began, UptimeSeconds: now.at.Sub(s.began).Seconds(),
		Listeners: []Address{}, Loops: []Loop{},
		Connections: now.stats.ClientsConnected, Sessions: now.stats.Sessions, Subscriptions: now.stats.Subscriptions,
		Retained: now.stats.Retained, OutboundBytes: now.stats.OutboundBytes, Dropped: sum(now.stats.Dropped),
		Offline: now.stats.SessionsOffline, Queued: now.stats.QueuedMessages, QueuedBytes: now.stats.QueuedBytes,
		DroppedBy: now.stats.Dropped, SessionsEnded: now.stats.SessionsEnded,
		Rates: rates(&before, &now), Memory: memory(),
	}
	st.Store, _ = s.storeState()
	if st.State == serving {
		for _, a := range s.Broker.Addrs() {
			st.Listeners = append(st.Listeners, Address(a))
		}
	}
	for i, l := range now.loops {
		loop := Loop{Loop: l.Loop, Connections: l.Connections, Inbox: l.Inbox, LagSeconds: max(l.Lag.Last, l.Lag.Open).Seconds()}
		if i < len(before.loops) {
			loop.BusyShare = (l.Busy - before.loops[i].Busy).Seconds() / now.at.Sub(before.at).Seconds()
		}
		st.Loops = append(st.Loops, loop)
	}
	return st
}

func rates(before, now *sample) (r Rates) {
	if before.at.IsZero() {
		return r
	}
	r.OverSeconds = now.at.Sub(before.at).Seconds()
	per := func(of func(*engine.Stats) uint64) float64 {
		return float64(of(&now.stats)-of(&before.stats)) / r.OverSeconds
	}
	r.MessagesReceived = per(func(s *engine.Stats) uint64 { return s.PublishReceived })
	r.MessagesSent = per(func(s *engine.Stats) uint64 { return s.PublishSent })
	r.BytesReceived = per(func(s *engine.Stats) uint64 { return s.BytesReceived })
	r.BytesSent = per(func(s *engine.Stats) uint64 { return s.BytesSent })
	r.Connects = per(func(s *engine.Stats) uint64 { return s.Connects })
	r.Dropped = per(func(s *engine.Stats) uint64 { return sum(s.Dropped) })
	return r
}

func sum(by map[string]uint64) (n uint64) {
	for _, v := range by {
		n += v
	}
	return n
}

func memory() Memory {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/total:bytes"}}
	metrics.Read(samples)
	return Memory{RSS: resident(), Heap: samples[0].Value.Uint64(), Total: samples[1].Value.Uint64(), Goroutines: runtime.NumGoroutine()}
}

// resident reads the second field of statm, in pages.
func resident() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
