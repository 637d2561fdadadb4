package admin

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/penstock-mqtt/penstock/engine"
)

// hungAfter is how long a loop may leave a tick unanswered before it counts as hung. Ticks come ten a second.
const hungAfter = 5 * time.Second

// healthz tells whether the process is worth keeping: every loop has handled a tick lately, or the broker has none yet.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	if why := hung(s.Broker.Loops()); why != "" && s.Broker.Serving() {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, why+"\n")
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}

// hung names the first loop that has not answered for too long; empty: there is none.
func hung(loops []engine.LoopStats) string {
	for _, l := range loops {
		if l.Lag.Open > hungAfter {
			return fmt.Sprintf("loop %d has not answered for %s", l.Loop, l.Lag.Open.Round(time.Millisecond))
		}
	}
	return ""
}

// readyz tells whether clients should be sent here: a broker whose store has failed refuses what it would have to store.
func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	why := s.state()
	if why == serving {
		_, why = s.storeState()
	}
	if why != "" {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, why+"\n")
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}

// What a broker does: it begins with starting, and the last is draining.
const (
	starting = "starting"
	serving  = "serving"
	draining = "draining" // it takes leave of its clients, for a stop or the next process, or has done so
)

func (s *Server) state() string {
	switch {
	case s.Broker.Serving():
		return serving
	case s.Broker.Draining():
		return draining
	}
	return starting
}
