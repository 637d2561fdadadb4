package admin

import (
	"fmt"
	"net/http"
	"net/http/pprof"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// maxSeconds is the longest profile or trace that can be asked for.
const maxSeconds = 600

// profiles puts the runtime's profiles under /debug/pprof/, as `go tool pprof URL` expects them.
func profiles(mux *http.ServeMux) {
	mux.HandleFunc("GET /debug/pprof/", timed(sampled(pprof.Index)))
	mux.HandleFunc("GET /debug/pprof/profile", timed(pprof.Profile))
	mux.HandleFunc("GET /debug/pprof/trace", timed(pprof.Trace))
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	// Flags may hold the token: only the program's name is told.
	mux.HandleFunc("GET /debug/pprof/cmdline", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Args[0]) })
}

// seconds is the duration that a request asks for, 30 s unless it says.
func seconds(r *http.Request) (float64, bool) {
	text := r.FormValue("seconds")
	if text == "" {
		return 30, true
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil && n > 0 && n <= maxSeconds
}

// timed lets an answer take as long as the request says.
func timed(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		n, ok := seconds(r)
		if !ok {
			fail(w, http.StatusBadRequest, fmt.Sprintf("seconds must be above 0 and at most %d", maxSeconds))
			return
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerWithin + time.Duration(n*float64(time.Second))))
		next(w, r)
	}
}

// sampled turns on what the block and mutex profiles need for as long as one of them is asked for with seconds: the rest
// of the time the broker does not pay for it.
func sampled(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("seconds") != "" {
			switch r.URL.Path {
			case "/debug/pprof/block":
				defer blocking.use()()
			case "/debug/pprof/mutex":
				defer contention.use()()
			}
		}
		next(w, r)
	}
}

// sampler is a rate of the runtime's that is set while somebody uses it.
type sampler struct {
	mu    sync.Mutex
	users int
	set   func(on bool)
}

var (
	blocking = sampler{set: func(on bool) { // an event each 10 µs of blocking
		runtime.SetBlockProfileRate(map[bool]int{true: 10_000}[on])
	}}
	contention = sampler{set: func(on bool) { // every tenth event
		runtime.SetMutexProfileFraction(map[bool]int{true: 10}[on])
	}}
)

// use counts a user in; what it returns counts it out.
func (s *sampler) use() (done func()) {
	change := func(by int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		was := s.users > 0
		s.users += by
		if is := s.users > 0; is != was {
			s.set(is)
		}
	}
	change(1)
	return func() { change(-1) }
}
