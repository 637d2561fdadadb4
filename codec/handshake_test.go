package codec

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"regexp"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// hello is a client's first flight, whole.
func hello(t testing.TB, ccfg *tls.Config) []byte {
	t.Helper()
	up := make(chan []byte, 4)
	down := newHalf()
	down.end()
	_ = tls.Client(&lean{up: up, down: down}, ccfg).Handshake() // it fails, having written
	return <-up
}

var labelled = regexp.MustCompile(`(?m)^(\d+) @.*\n# labels: .*"role":"handshake"`)

// handshaking counts the goroutines that are labelled as handshakes'.
func handshaking() (n int) {
	var b bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&b, 1)
	for _, m := range labelled.FindAllSubmatch(b.Bytes(), -1) {
		k, _ := strconv.Atoi(string(m[1]))
		n += k
	}
	return n
}

func TestStalledHandshakesAreFreedWhenTheirConnectionsGo(t *testing.T) {
	a := newAuthority(t)
	cfg, first := a.server(t, false, false), hello(t, a.client())
	turns, s := plenty(), NewScratch()
	stages := make([]*TLS, 200)
	var kicks atomic.Int64
	for i := range stages {
		stages[i] = NewTLS(cfg, false, turns, func() { kicks.Add(1) })
		must(t, stages[i].Feed(first, s, nil))
	}
	await(t, "every handshake has answered and waits", func() bool { return kicks.Load() == 200 && len(turns.tokens) == 0 })
	if n := handshaking(); n != 200 {
		t.Errorf("%d labelled goroutines, want 200", n)
	}
	for i, st := range stages {
		if i%2 == 0 {
			done, err := st.Step(s)
			if must(t, err); done {
				t.Fatal("done without the client's Finished")
			}
		}
		st.CloseNotify(s)
		st.Gone()
		st.Gone()
		if done, err := st.Step(s); done || err != nil {
			t.Fatalf("Step after Gone: %v, %v", done, err)
		}
	}
	await(t, "the goroutines end", func() bool { return handshaking() == 0 && turns.Stats().Active == 0 })
	if st := turns.Stats(); st.Failed != 200 || st.Done != 0 {
		t.Errorf("counted %+v, want 200 failed", st)
	}
}

func TestConnectionsMayGoAtAnyMoment(t *testing.T) {
	a := newAuthority(t)
	turns, cfg := NewHandshakes(HandshakeLimits{Computing: 1, Active: 3, Waiting: 1000}), a.server(t, false, true)
	card := a.issue(t, "device", false)
	var all sync.WaitGroup
	for i := range 120 {
		p, end := serve(t, cfg, false, turns, 0)
		end.(*conn).goAfter = 200 + 30*i // bytes of the client: some end in the hello, some in the answer, some later
		ccfg := a.client()
		ccfg.Certificates = []tls.Certificate{card}
		all.Go(func() {
			c := tls.Client(end, ccfg)
			for range 100 {
				if _, err := c.Write(make([]byte, 100)); err != nil {
					break
				}
			}
			<-p.ended
		})
	}
	all.Wait()
	await(t, "the goroutines end", func() bool { st := turns.Stats(); return st.Active == 0 && st.Waiting == 0 })
}

func TestWhoSendsNoWholeRecordCostsNoGoroutine(t *testing.T) {
	a := newAuthority(t)
	cfg, first := a.server(t, false, false), hello(t, a.client())
	turns, s := plenty(), NewScratch()
	stage := NewTLS(cfg, false, turns, func() {})
	for i := range len(first) - 1 {
		must(t, stage.Feed(first[i:i+1], s, nil))
	}
	if st := turns.Stats(); st.Active != 0 || stage.Pending() != len(first)-1 {
		t.Errorf("all but a byte of a hello of %d: %+v, %d held", len(first), st, stage.Pending())
	}
	must(t, stage.Feed(first[len(first)-1:], s, nil))
	if st := turns.Stats(); st.Active != 1 {
		t.Errorf("with the last byte: %+v, want one active", st)
	}
	stage.Gone()
}

func TestAStormOfHandshakesStaysWithinItsBounds(t *testing.T) {
	a := newAuthority(t)
	cfg := a.server(t, false, false)
	turns := NewHandshakes(HandshakeLimits{Computing: 2, Active: 8, Waiting: 300})
	var computing, most, goroutines atomic.Int64
	cfg.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		n := computing.Add(1)
		defer computing.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if n := int64(handshaking()); n > goroutines.Load() {
			goroutines.Store(n)
		}
		return nil, nil
	}
	var all sync.WaitGroup
	for i := range 300 {
		_, end := serve(t, cfg, false, turns, 0)
		ccfg := a.client()
		ccfg.MaxVersion = tls.VersionTLS12 + uint16(i%2)
		all.Go(func() {
			c := tls.Client(end, ccfg)
			if err := c.Handshake(); err != nil {
				t.Errorf("client %d: %v", i, err)
				return
			}
			echoed(t, c, 100)
		})
	}
	all.Wait()
	if most.Load() > 2 || goroutines.Load() > 8+2 { // one that gave its place up may still be ending
		t.Errorf("%d computed at once, %d goroutines; want at most 2 and about 8", most.Load(), goroutines.Load())
	}
	await(t, "the goroutines end", func() bool { return turns.Stats().Active == 0 })
	if st := turns.Stats(); st != (HandshakeStats{Done: 300}) {
		t.Errorf("counted %+v, want 300 done", st)
	}
}

func TestTheQueueIsFairAndLosesWhoLeaves(t *testing.T) {
	a := newAuthority(t)
	cfg := a.server(t, false, false)
	var mu sync.Mutex
	var order []string
	cfg.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, h.ServerName)
		return nil, nil
	}
	turns, s := NewHandshakes(HandshakeLimits{Active: 1, Waiting: 6}), NewScratch()
	stages := make([]*TLS, 8)
	kicked := make([]atomic.Int64, len(stages))
	feed := func(i int) error {
		ccfg := a.client()
		ccfg.ServerName = fmt.Sprintf("client-%d", i)
		stages[i] = NewTLS(cfg, false, turns, func() { kicked[i].Add(1) })
		return stages[i].Feed(hello(t, ccfg), s, nil)
	}
	for i := range 7 {
		must(t, feed(i))
	}
	if st := turns.Stats(); st.Active != 1 || st.Waiting != 6 {
		t.Fatalf("%+v, want 1 active and 6 waiting", st)
	}
	wantCause(t, feed(7), TLSBusy)
	for _, i := range []int{3, 6, 1} { // out of the middle, the end, the beginning
		stages[i].Gone()
	}
	if st := turns.Stats(); st.Waiting != 3 || st.Failed != 3 {
		t.Fatalf("%+v, want 3 waiting still, 3 failed", st)
	}
	for _, i := range []int{0, 2, 4, 5} {
		await(t, fmt.Sprintf("client %d has its turn", i), func() bool { return kicked[i].Load() == 1 })
		stages[i].Gone()
	}
	await(t, "the goroutine ends", func() bool { return turns.Stats().Active == 0 })
	mu.Lock()
	defer mu.Unlock()
	if want := []string{"client-0", "client-2", "client-4", "client-5"}; !slices.Equal(order, want) {
		t.Errorf("turns were %q, want %q", order, want)
	}
}

func TestAFloodDuringTheHandshakeIsRefused(t *testing.T) {
	a := newAuthority(t)
	cfg, first := a.server(t, false, false), hello(t, a.client())
	turns, s := NewHandshakes(HandshakeLimits{Active: 1, Waiting: 1}), NewScratch()
	block := make(chan struct{})
	cfg.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { <-block; return nil, nil }
	for _, where := range []string{"computing", "waiting"} {
		stage := NewTLS(cfg, false, turns, func() {})
		must(t, stage.Feed(first, s, nil))
		var err error
		sent := 0
		for more := make([]byte, 1000); err == nil && sent < 1<<20; sent += len(more) {
			err = stage.Feed(more, s, nil)
		}
		wantCause(t, err, TLSFlood)
		if sent > maxHeld+2000+len(first)+8<<10 || stage.Pending() != 0 { // what a goroutine has read is not held
			t.Errorf("%s: refused after %d bytes, %d held", where, sent, stage.Pending())
		}
	}
	quick := NewTLS(cfg, false, turns, func() {})
	must(t, quick.Feed(first, s, nil))
	must(t, quick.Feed(make([]byte, maxHeld), s, nil)) // one read, of one who is quick
	wantCause(t, quick.Feed([]byte{0}, s, nil), TLSFlood)
	close(block)
	await(t, "the goroutine ends", func() bool { return turns.Stats().Active == 0 })
}

func TestAClientsStageTalksToAServers(t *testing.T) {
	a := newAuthority(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		ccfg := a.client()
		ccfg.MaxVersion = version
		p, end := serve(t, ccfg, true, plenty(), 0)
		c := tls.Server(end, a.server(t, false, false))
		must(t, c.Handshake())
		echoed(t, c, 1) // the stage is open
		echoed(t, c, 70000)
		must(t, c.CloseWrite())
		if err := p.result(t); err == nil || !strings.Contains(err.Error(), "EOF") || p.state.ServerName != "broker" {
			t.Errorf("ended with %v, state of %q", err, p.state.ServerName)
		}
	}
}

func TestAClientBeyondTheBoundIsTold(t *testing.T) {
	a, s := newAuthority(t), NewScratch()
	turns := NewHandshakes(HandshakeLimits{Active: 1})
	one := NewTLS(a.client(), true, turns, func() {})
	one.Start()
	kicks := 0
	two := NewTLS(a.client(), true, turns, func() { kicks++ })
	two.Start()
	_, err := two.Step(s)
	wantCause(t, err, TLSBusy)
	if kicks != 1 {
		t.Errorf("kicked %d times, want once", kicks)
	}
	one.Gone()
	await(t, "the goroutine ends", func() bool { return turns.Stats().Active == 0 })
}

func TestSessionsAreTakenUpAgain(t *testing.T) {
	a := newAuthority(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		turns, cfg, ccfg := plenty(), a.server(t, false, true), a.client()
		ccfg.MaxVersion, ccfg.ClientSessionCache = version, tls.NewLRUClientSessionCache(8)
		ccfg.Certificates = []tls.Certificate{a.issue(t, "device", false)}
		for i := range 3 {
			p, end := serve(t, cfg, false, turns, 0)
			c := tls.Client(end, ccfg)
			must(t, c.Handshake())
			echoed(t, c, 100)
			must(t, c.CloseWrite())
			_ = p.result(t)
			if got, want := p.state.DidResume, i > 0; got != want || len(p.state.PeerCertificates) != 1 {
				t.Errorf("%s, connection %d: resumed %v, want %v; %d certificates", tls.VersionName(version), i, got, want, len(p.state.PeerCertificates))
			}
		}
		if st := turns.Stats(); st.Done != 3 || st.Resumed != 2 {
			t.Errorf("%s: counted %+v, want 3 done, 2 resumed", tls.VersionName(version), st)
		}
	}
}
