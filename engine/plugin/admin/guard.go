package admin

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// answerWithin is how long an answer may take to be written, but for profiles, which say themselves.
const answerWithin = 30 * time.Second

// bodyWithin is how long a request's body is waited for. None of ours has one, but the server reads what is promised
// before it goes on.
const bodyWithin = time.Second

// guard decides who may ask what through a door, before anything else looks at the request.
func (s *Server) guard(d *door, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		deadlines := http.NewResponseController(w)
		_ = deadlines.SetWriteDeadline(time.Now().Add(answerWithin))
		if r.ContentLength != 0 {
			_ = deadlines.SetReadDeadline(time.Now().Add(bodyWithin))
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		if !d.unix {
			if status, why := s.judge(d, r); why != "" {
				if status == http.StatusUnauthorized {
					w.Header().Set("WWW-Authenticate", `Bearer realm="penstock"`)
				}
				fail(w, status, why)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// judge says what a request over TCP is refused with; an empty why lets it through.
func (s *Server) judge(d *door, r *http.Request) (status int, why string) {
	sec := s.secrets.Load()
	changes := r.Method != http.MethodGet && r.Method != http.MethodHead
	switch {
	case !sec.ours(r):
		return http.StatusForbidden, "this Host is not one of admin.hosts"
	case foreign(r):
		return http.StatusForbidden, "requests of other sites' pages are not answered"
	case !changes && (d.local || isProbe(r.URL.Path) || sec.token == nil && certified(r)):
		return 0, ""
	case changes && sec.token == nil:
		return http.StatusForbidden, "changes over TCP need admin.token; without one use the unix socket"
	case !sec.knows(bearer(r)):
		return http.StatusUnauthorized, "needs the header Authorization: Bearer TOKEN"
	}
	return 0, ""
}

// certified tells whether TLS has seen a client certificate. Without a token it asks for one, but a connection may be older
// than the reload that made it so.
func certified(r *http.Request) bool { return r.TLS != nil && len(r.TLS.VerifiedChains) > 0 }

// isProbe tells what may be known to everybody who reaches us: that we live.
func isProbe(path string) bool { return path == "/healthz" || path == "/readyz" }

func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// ours tells whether the Host header names us: the address that the connection came to, this machine's loopback, or a
// name of admin.hosts. A page whose name was made to resolve to our address (DNS rebinding) brings its own name here.
func (s *secrets) ours(r *http.Request) bool {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if s.hosts[strings.TrimSuffix(host, ".")] {
		return true
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	if ip.IsLoopback() {
		return true
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	at, err := netip.ParseAddrPort(local.String())
	return err == nil && at.Addr().Unmap() == ip.Unmap()
}

// foreign tells whether a browser sent the request for a page of another site, other than by following a link. What a page
// shows inside itself is navigated to as well, but is no document of its own.
func foreign(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	if site == "" || site == "same-origin" || site == "none" {
		return false
	}
	h := r.Header
	return h.Get("Sec-Fetch-Mode") != "navigate" || h.Get("Sec-Fetch-Dest") != "document" || r.Method != http.MethodGet
}
