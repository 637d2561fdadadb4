package admin

import (
	"sync"
	"time"

	"github.com/penstock-mqtt/penstock/engine"
)

// paceEvery is how often the counters are noted, so that rates can be told without waiting.
const paceEvery = 5 * time.Second

// pace holds the counters of two moments.
type pace struct {
	mu        sync.Mutex
	old, last sample
}

// sample is the counters at one moment.
type sample struct {
	at    time.Time
	stats engine.Stats
	loops []engine.LoopStats
}

func (s *Server) sample() sample {
	return sample{time.Now(), s.Broker.Stats(), s.Broker.Loops()}
}

// keepPace notes the counters until the server stops.
func (s *Server) keepPace() {
	t := time.NewTicker(paceEvery)
	defer t.Stop()
	for {
		now := s.sample()
		s.pace.mu.Lock()
		s.pace.old, s.pace.last = s.pace.last, now
		s.pace.mu.Unlock()
		select {
		case <-t.C:
		case <-s.quit:
			return
		}
	}
}

// before gives the sample that rates up to now are told against: one that is a second old at least, else the zero one.
func (p *pace) before(now time.Time) sample {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range []sample{p.last, p.old} {
		if !s.at.IsZero() && now.Sub(s.at) >= time.Second {
			return s
		}
	}
	return sample{}
}
