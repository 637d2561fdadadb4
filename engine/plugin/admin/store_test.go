package admin

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// told is a store that tells what the test says, and is read when the test lets it.
type told struct {
	store.Store
	open chan struct{} // Recover waits for it

	mu    sync.Mutex
	stats store.Stats
}

func (s *told) Recover(ctx context.Context, visit func(*store.Record) error) error {
	<-s.open
	return s.Store.Recover(ctx, visit)
}

func (s *told) Stats() store.Stats { s.mu.Lock(); defer s.mu.Unlock(); return s.stats }

func (s *told) is(stats store.Stats) { s.mu.Lock(); defer s.mu.Unlock(); s.stats = stats }

// tell makes a broker on such a store with its admin server. It ends with the test.
func tell(t *testing.T) (*rig, *told) {
	t.Helper()
	s := &told{Store: store.NewMemory(), open: make(chan struct{})}
	r := prepareOf(t, local(t), engine.Parts{Store: s})
	if _, err := r.admin.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.stop)
	return r, s
}

func TestABrokerIsWellAndNotReadyWhileItsStoreIsRead(t *testing.T) {
	r, s := tell(t)
	done := make(chan error, 1)
	go func() { done <- r.broker.Start() }()
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 503, "/metrics": 200, "/store": 200, "/api/v1/status": 200} {
		if a := r.ask(request{path: path}); a.status != want || path == "/readyz" && a.body != starting+"\n" {
			t.Errorf("while the store is read: %s is %d %q, want %d", path, a.status, a.body, want)
		}
	}
	if a := r.ask(request{path: "/store"}); !strings.Contains(a.body, "opening: what it holds is being read") || strings.Contains(a.body, "sessions") {
		t.Errorf("while the store is read: /store says %q", a.body)
	}
	if st := get[Status](r, "/api/v1/status"); st.Store != Opening {
		t.Errorf("while the store is read: the status says %q", st.Store)
	}
	close(s.open)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if a := r.ask(request{path: "/readyz"}); a.status != 200 {
		t.Errorf("afterwards: /readyz is %d %q, want 200", a.status, a.body)
	}
}

func TestABrokerWhoseStoreHasFailedIsNotReadyAndSaysWhy(t *testing.T) {
	r, s := tell(t)
	close(s.open)
	if err := r.broker.Start(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		stats  store.Stats
		status int
		body   string
	}{
		{store.Stats{Pressure: store.Ok}, 200, "ok\n"},
		{store.Stats{Pressure: store.Slow}, 200, "ok\n"},
		{store.Stats{Pressure: store.Full, Failure: "no space left on device"}, 200, "ok\n"},
		{store.Stats{Pressure: store.Failed, Failure: "sync 00000001.seg: input/output error"}, 503, "the store has failed: sync 00000001.seg: input/output error\n"},
	} {
		s.is(tt.stats)
		if a := r.ask(request{path: "/readyz"}); a.status != tt.status || a.body != tt.body {
			t.Errorf("%v: /readyz is %d %q, want %d %q", tt.stats.Pressure, a.status, a.body, tt.status, tt.body)
		}
		if a := r.ask(request{path: "/healthz"}); a.status != 200 {
			t.Errorf("%v: /healthz is %d %q, want 200", tt.stats.Pressure, a.status, a.body)
		}
		if st := get[Status](r, "/api/v1/status"); st.Store != tt.stats.Pressure.String() || st.State != serving {
			t.Errorf("%v: the status is %q with the store %q", tt.stats.Pressure, st.State, st.Store)
		}
	}
}

// damaged has every field set, and tells of one hole.
func damaged() store.Stats {
	var s store.Stats
	count(reflect.ValueOf(&s).Elem(), new(int))
	s.Path, s.Sync, s.Pressure, s.Failure = "/data", "always", store.Failed, "it broke"
	s.Recovery.Clean = false
	s.Recovery.Holes = []store.Hole{{
		Segment: 7, File: "/data/quarantine/00000007-1.seg", Offset: 4096, Bytes: 100, FirstLSN: 41, LastLSN: 43,
		Found: time.Unix(1, 0).UTC(), Reason: "checksum", Records: map[string]uint64{"MSG": 2, "ACK": 5}, Estimated: true,
	}}
	return s
}

// count gives every number of a struct a value that no other has.
func count(v reflect.Value, n *int) {
	for i := range v.NumField() {
		f := v.Field(i)
		*n++
		switch f.Kind() {
		case reflect.Struct:
			count(f, n)
		case reflect.Int, reflect.Int64:
			f.SetInt(int64(*n))
		case reflect.Uint64:
			f.SetUint(uint64(*n))
		}
		if f.Type() == reflect.TypeFor[time.Duration]() {
			f.SetInt(int64(*n) * int64(time.Second))
		}
	}
}

func TestEveryFigureOfTheStoreIsToldAndExported(t *testing.T) {
	s := damaged()
	exported := values(t, &figures{store: &s})
	text, err := json.Marshal(StoreOf(&s))
	if err != nil {
		t.Fatal(err)
	}
	var answer map[string]any
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatal(err)
	}
	recovery := answer["recovery"].(map[string]any)
	inAnswer := map[float64]bool{}
	for _, of := range []map[string]any{answer, recovery} {
		for _, v := range of {
			if n, ok := v.(float64); ok {
				inAnswer[n] = true
			}
		}
	}
	var look func(v reflect.Value, name string)
	look = func(v reflect.Value, name string) {
		for i := range v.NumField() {
			f, name := v.Field(i), name+v.Type().Field(i).Name
			n := 0.0
			switch {
			case f.Type() == reflect.TypeFor[store.Pressure]():
				continue // by its name
			case f.Kind() == reflect.Struct:
				look(f, name+".")
				continue
			case f.Type() == reflect.TypeFor[time.Duration]():
				n = f.Interface().(time.Duration).Seconds()
			case f.CanInt():
				n = float64(f.Int())
			case f.CanUint():
				n = float64(f.Uint())
			default:
				continue
			}
			if !exported[n] {
				t.Errorf("store.Stats.%s is in no metric", name)
			}
			if !inAnswer[n] {
				t.Errorf("store.Stats.%s is not in the API's answer", name)
			}
		}
	}
	look(reflect.ValueOf(s), "")
	if !strings.Contains(string(text), `"records":{"ACK":5,"MSG":2}`) || !strings.Contains(string(text), `"state":"failed"`) {
		t.Errorf("got %s, want the state by name and what the hole held", text)
	}
}

func TestTheMetricsOfTheStoreKeepPrometheusConventions(t *testing.T) {
	r, s := tell(t)
	s.is(damaged())
	problems, err := testutil.GatherAndLint(r.admin.registry())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "penstock_store") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	for name, want := range map[string]float64{"penstock_store_failed": 1, "penstock_store_pressure": 3, "penstock_store_holes": 1, "penstock_store_hole_bytes": 100} {
		if got := r.scrape(name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

func TestTheStoreIsToldAsTextOrJSONAsItIsAskedFor(t *testing.T) {
	r, s := tell(t)
	s.is(damaged())
	for _, tt := range []struct {
		path, accept string
		text         bool
	}{
		{"/store", "", true}, {"/store", "*/*", true}, {"/store", "text/html, */*;q=0.8", true}, {"/store", "application/json", false},
		{"/api/v1/store", "", false}, {"/api/v1/store", "*/*", false}, {"/api/v1/store", "text/plain", true},
	} {
		a := r.ask(request{path: tt.path, header: map[string]string{"Accept": tt.accept}})
		if got := !strings.HasPrefix(a.body, "{"); a.status != 200 || got != tt.text || strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") != tt.text {
			t.Errorf("%s with Accept %q: got %d, %s, %s", tt.path, tt.accept, a.status, a.header.Get("Content-Type"), a.body)
		}
	}
}

func TestTheTextOfAStoreSaysWhatAnOperatorHasToKnow(t *testing.T) {
	full := StoreOf(&store.Stats{
		Path: "/data", Sync: "interval", Pressure: store.Full, Failure: "no space left on device", Segments: 2, Bytes: 64 << 20, LiveBytes: 3 << 19,
		Quota: 1 << 30, FreeBytes: 4095, Sessions: 3, Subscriptions: 4, Messages: 5, Deliveries: 6, Retained: 7,
		LSN: 10, DurableLSN: 8, Syncs: 4, SyncTime: 10 * time.Millisecond, SyncTimeMax: 8123 * time.Microsecond, FullCount: 1,
		Recovery: store.Recovery{Took: 1234 * time.Millisecond, Bytes: 1 << 20, Frames: 9, TornBytes: 312},
	})
	broken := damaged()
	failed := StoreOf(&broken)
	for _, tt := range []struct {
		store *Store
		want  []string
	}{
		{&Store{State: InMemory}, []string{"kept in memory, it ends with the process"}},
		{&full, []string{
			"kept in /data, sync interval", "full: what would have to be stored is refused (no space left on device)",
			"3 sessions with 4 subscriptions, 5 messages for 6 deliveries, 7 retained messages", "0, for 0 batches with 0 records",
			"64.0 MiB with 2 segments in use, 1.5 MiB of it counts; quota 1.0 GiB; 4.0 KiB free",
			"4, 2.5ms on average, 8.12ms at most; 2 commits not on the disk yet", "1 time without room, 0 batches failed",
			"read 1.0 MiB in 1.23s; the process before did not close the store, 312 B of an unfinished commit were cut off",
		}},
		{&failed, []string{
			"failed: nothing is stored any more; the broker has to be restarted (it broke)", "DAMAGE FOUND", "checksum", "3 (41 to 43)", "100",
			"segment 7, 4096", "/data/quarantine/00000007-1.seg", "all that is missing of its segment held 5 ACK, 2 MSG", "may be there again",
		}},
	} {
		var out strings.Builder
		if err := tt.store.Text(&out); err != nil {
			t.Fatal(err)
		}
		for _, want := range tt.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("the text lacks %q:\n%s", want, out.String())
			}
		}
	}
}
