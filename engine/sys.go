package engine

import (
	"context"
	"fmt"
	"math"
	"runtime/pprof"
	"strconv"
	"sync"
	"time"
)

// sysTopics publishes the broker's figures under $SYS, with the names that mosquitto gave them. One goroutine sums the
// loops' counters and posts the values to a loop.
type sysTopics struct {
	b     *Broker
	mu    sync.Mutex
	state sysState
	stop  chan struct{} // nil: nothing is published
	done  chan struct{}

	// While it publishes these are the goroutine's.
	sent map[string]string // only what changed is published again
	max  uint64
	load loads
	last Stats     // of the last values, at which loads were brought up to date
	at   time.Time // when that was
}

type sysState uint8

const (
	sysIdle sysState = iota
	sysRunning
	sysEnded
)

// loads are moving averages of rates a minute, over 1, 5 and 15 minutes.
type loads struct {
	messagesIn, messagesOut, publishIn, publishOut, bytesIn, bytesOut, sockets, connections average
}

type average struct{ over [3]float64 }

var averageMinutes = [3]float64{1, 5, 15}

// add takes a count over an interval into the averages, weighing older ones down by age.
func (a *average) add(n uint64, interval time.Duration) {
	rate := float64(n) / interval.Minutes()
	for i, m := range averageMinutes {
		w := math.Exp(-interval.Minutes() / m)
		a.over[i] = rate*(1-w) + a.over[i]*w
	}
}

// start begins to publish, once.
func (s *sysTopics) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == sysIdle {
		s.state = sysRunning
		s.begin()
	}
}

// restart goes on at the interval that is in force now.
func (s *sysTopics) restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == sysRunning {
		s.halt()
		s.begin()
	}
}

// pause stops until restart.
func (s *sysTopics) pause() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.halt()
}

// end stops for good.
func (s *sysTopics) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = sysEnded
	s.halt()
}

func (s *sysTopics) begin() {
	interval := s.b.live.Load().Sys.Interval
	if interval <= 0 {
		s.clear()
		return
	}
	s.stop, s.done = make(chan struct{}), make(chan struct{})
	go s.run(interval, s.stop, s.done)
}

func (s *sysTopics) halt() {
	if s.stop != nil {
		close(s.stop)
		<-s.done
		s.stop = nil
	}
}

func (s *sysTopics) run(interval time.Duration, stop, done chan struct{}) {
	defer close(done)
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("role", "sys")))
	t := time.NewTicker(interval)
	defer t.Stop()
	for {
		s.publish(s.changes())
		select {
		case <-t.C:
		case <-stop:
			return
		}
	}
}

func (s *sysTopics) publish(changed map[string]string) {
	if len(changed) > 0 && s.b.pick() != nil {
		s.b.loops[0].post(func(l *loop) { // always the same one, which keeps the order
			for topic, value := range changed {
				l.publishOwn([]byte("$SYS/broker/"+topic), []byte(value), 0, true, 0)
			}
		})
	}
}

// changes lists what has another value than when it was published last.
func (s *sysTopics) changes() map[string]string {
	changed := map[string]string{}
	for topic, value := range s.values() {
		if s.sent[topic] != value {
			s.sent[topic], changed[topic] = value, value
		}
	}
	return changed
}

// clear takes back what was published: figures that nobody renews are not left standing.
func (s *sysTopics) clear() {
	gone := map[string]string{}
	for topic := range s.sent {
		gone[topic] = ""
	}
	clear(s.sent)
	s.publish(gone)
}

func (s *sysTopics) values() map[string]string {
	st := s.b.Stats()
	s.max = max(s.max, st.ClientsConnected)
	dropped := uint64(0)
	for _, n := range st.Dropped {
		dropped += n
	}
	n := func(v uint64) string { return strconv.FormatUint(v, 10) }
	ended := uint64(0)
	for _, n := range st.SessionsEnded {
		ended += n
	}
	v := map[string]string{
		"version":                    "penstock version " + s.b.parts.Version,
		"uptime":                     fmt.Sprintf("%d seconds", int(time.Since(s.b.began).Seconds())),
		"clients/total":              n(st.Sessions),
		"clients/connected":          n(st.ClientsConnected),
		"clients/active":             n(st.ClientsConnected),
		"clients/disconnected":       n(st.SessionsOffline),
		"clients/inactive":           n(st.SessionsOffline),
		"clients/expired":            n(ended),
		"clients/maximum":            n(s.max),
		"messages/received":          n(st.PacketsReceived),
		"messages/sent":              n(st.PacketsSent),
		"messages/stored":            n(st.Retained),
		"store/messages/count":       n(st.Retained),
		"store/messages/bytes":       n(uint64(s.b.retained.Bytes())),
		"publish/messages/received":  n(st.PublishReceived),
		"publish/messages/sent":      n(st.PublishSent),
		"publish/messages/dropped":   n(dropped),
		"publish/bytes/received":     n(st.PayloadReceived),
		"publish/bytes/sent":         n(st.PayloadSent),
		"bytes/received":             n(st.BytesReceived),
		"bytes/sent":                 n(st.BytesSent),
		"subscriptions/count":        n(st.Subscriptions),
		"shared_subscriptions/count": n(st.SharedGroups),
		"retained messages/count":    n(st.Retained),
	}
	s.loads(v, &st)
	return v
}

// loads adds the moving averages. A part of a second, as between two restarts, is left to the next time.
func (s *sysTopics) loads(v map[string]string, st *Stats) {
	now := time.Now()
	last, interval := s.last, now.Sub(s.at)
	due := interval >= time.Second
	if due {
		s.last, s.at = *st, now
	}
	for _, a := range []struct {
		name string
		avg  *average
		n    uint64
	}{
		{"messages/received", &s.load.messagesIn, st.PacketsReceived - last.PacketsReceived},
		{"messages/sent", &s.load.messagesOut, st.PacketsSent - last.PacketsSent},
		{"publish/received", &s.load.publishIn, st.PublishReceived - last.PublishReceived},
		{"publish/sent", &s.load.publishOut, st.PublishSent - last.PublishSent},
		{"bytes/received", &s.load.bytesIn, st.BytesReceived - last.BytesReceived},
		{"bytes/sent", &s.load.bytesOut, st.BytesSent - last.BytesSent},
		{"sockets", &s.load.sockets, st.Connects - last.Connects},
		{"connections", &s.load.connections, st.Connects - last.Connects},
	} {
		if due {
			a.avg.add(a.n, interval)
		}
		for i, m := range averageMinutes {
			v[fmt.Sprintf("load/%s/%dmin", a.name, int(m))] = strconv.FormatFloat(a.avg.over[i], 'f', 2, 64)
		}
	}
}
