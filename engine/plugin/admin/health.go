package admin

import (
	"fmt"
	"io"
	"net/http"
	"time"
)

// hungAfter is how long a loop may leave a tick unanswered before it counts as hung. Ticks come ten a second.
const hungAfter = 5 * time.Second

// healthz tells whether the process is worth keeping: every loop has handled a tick lately, or the broker has none yet.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	for _, l := range s.Broker.Loops() {
		if l.Lag.Open > hungAfter && s.Broker.Serving() {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintf(w, "loop %d has not answered for %s\n", l.Loop, l.Lag.Open.Round(time.Millisecond))
			return
		}
	}
	_, _ = io.WriteString(w, "ok\n")
}

// readyz tells whether clients should be sent here.
func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	if !s.Broker.Serving() {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "starting or stopping\n")
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}
