package admin

import (
	"encoding/json"
	"net/http"
)

// routes is all there is to ask for.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.index)
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.Handle("GET /metrics", s.metrics())
	mux.HandleFunc("GET /store", s.store)
	mux.HandleFunc("GET /api/v1/store", s.store)
	mux.HandleFunc("GET /api/v1/status", s.status)
	mux.HandleFunc("GET /api/v1/listeners", s.listeners)
	mux.HandleFunc("GET /api/v1/clients", s.clients)
	mux.HandleFunc("GET /api/v1/client/{id}", s.client)
	mux.HandleFunc("DELETE /api/v1/client/{id}", s.kick)
	mux.HandleFunc("POST /api/v1/reload", s.reload)
	profiles(mux)
	return mux
}

func (s *Server) index(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("penstock " + s.Version + "\n\n" + index))
}

const index = `GET    /healthz                every event loop has answered lately
GET    /readyz                 the broker takes clients, and what it acknowledges can be stored
GET    /metrics                for Prometheus
GET    /store                  where state is kept, how that does, what the last start has found
GET    /api/v1/status          the broker at a glance
GET    /api/v1/listeners       listeners: connections, what was refused and why, certificates
GET    /api/v1/store           /store as JSON
GET    /api/v1/clients         clients; ?prefix= &contains= &online=true &limit= &after=
GET    /api/v1/client/{id}     one client and its subscriptions
DELETE /api/v1/client/{id}     disconnect it; ?session=true ends its session, too
POST   /api/v1/reload          read the configuration again
GET    /debug/pprof/           profiles; /debug/pprof/profile?seconds=30 is the CPU
`

// fail answers with an error as the API's JSON.
func fail(w http.ResponseWriter, status int, why string) {
	reply(w, status, map[string]string{"error": why})
}

// reply answers with JSON. Nobody can be told when the client has gone.
func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
}
