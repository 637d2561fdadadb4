package engine

import (
	"fmt"
	"math"
	"strconv"
	"sync"
	"time"
)

// sysTopics publishes the broker's figures under $SYS, with the names that mosquitto gave them. One goroutine sums the
// loops' counters and posts the values to a loop.
type sysTopics struct {
	b    *Broker
	mu   sync.Mutex
	stop chan struct{}
	done chan struct{}
	sent map[string]string // only what changed is published again
	max  uint64
	load loads
	last Stats
}

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

func (b *Broker) startSys() {
	b.sys = &sysTopics{b: b, sent: map[string]string{}}
	b.sys.start()
}

func (b *Broker) restartSys() {
	b.sys.end()
	b.sys.start()
}

func (b *Broker) stopSys() {
	if b.sys != nil {
		b.sys.end()
	}
}

func (s *sysTopics) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	interval := s.b.live.Load().Sys.Interval
	if interval <= 0 {
		return
	}
	s.stop, s.done = make(chan struct{}), make(chan struct{})
	go s.run(interval, s.stop, s.done)
}

func (s *sysTopics) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stop != nil {
		close(s.stop)
		<-s.done
		s.stop = nil
	}
}

func (s *sysTopics) run(interval time.Duration, stop, done chan struct{}) {
	defer close(done)
	t := time.NewTicker(interval)
	defer t.Stop()
	for {
		s.publish(interval)
		select {
		case <-t.C:
		case <-stop:
			return
		}
	}
}

func (s *sysTopics) publish(interval time.Duration) {
	changed := s.changes(interval)
	if l := s.b.pick(); l != nil && len(changed) > 0 {
		l.post(func(l *loop) {
			for topic, value := range changed {
				l.publishOwn([]byte("$SYS/broker/"+topic), []byte(value), 0, true, 0)
			}
		})
	}
}

// changes lists what has another value than when it was published last.
func (s *sysTopics) changes(interval time.Duration) map[string]string {
	changed := map[string]string{}
	for topic, value := range s.values(interval) {
		if s.sent[topic] != value {
			s.sent[topic], changed[topic] = value, value
		}
	}
	return changed
}

func (s *sysTopics) values(interval time.Duration) map[string]string {
	st, last := s.b.Stats(), s.last
	s.last = st
	s.max = max(s.max, st.ClientsConnected)
	dropped := uint64(0)
	for _, n := range st.Dropped {
		dropped += n
	}
	n := func(v uint64) string { return strconv.FormatUint(v, 10) }
	offline := uint64(0)
	if st.Sessions > st.ClientsConnected {
		offline = st.Sessions - st.ClientsConnected
	}
	v := map[string]string{
		"version":                    "penstock version " + s.b.parts.Version,
		"uptime":                     fmt.Sprintf("%d seconds", int(time.Since(s.b.began).Seconds())),
		"clients/total":              n(st.Sessions),
		"clients/connected":          n(st.ClientsConnected),
		"clients/active":             n(st.ClientsConnected),
		"clients/disconnected":       n(offline),
		"clients/inactive":           n(offline),
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
	s.loads(v, &st, &last, interval)
	return v
}

// loads adds the moving averages.
func (s *sysTopics) loads(v map[string]string, st, last *Stats, interval time.Duration) {
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
		a.avg.add(a.n, interval)
		for i, m := range averageMinutes {
			v[fmt.Sprintf("load/%s/%dmin", a.name, int(m))] = strconv.FormatFloat(a.avg.over[i], 'f', 2, 64)
		}
	}
}
