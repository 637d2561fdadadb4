package admin

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// figures is a broker that has counted what the test says.
type figures struct {
	stats     engine.Stats
	loops     []engine.LoopStats
	listeners []engine.ListenerStats
	store     *store.Stats
}

func (f *figures) Stats() engine.Stats               { return f.stats }
func (f *figures) Loops() []engine.LoopStats         { return f.loops }
func (f *figures) Listeners() []engine.ListenerStats { return f.listeners }

func (f *figures) StoreStats() (s store.Stats, ok bool) {
	if f.store == nil {
		return s, false
	}
	return *f.store, true
}

// values gives every value of the collector's metrics.
func values(t *testing.T, f *figures) map[float64]bool {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(collector{f})
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[float64]bool{}
	for _, family := range families {
		for _, m := range family.Metric {
			got[m.GetCounter().GetValue()+m.GetGauge().GetValue()] = true
			got[m.GetHistogram().GetSampleSum()] = true
		}
	}
	return got
}

// sums are fields that are the sum of a field that is exported.
var sums = map[string]string{
	"PacketsReceived": "PacketsReceivedByType", "PacketsSent": "PacketsSentByType",
	"PublishReceived": "PublishReceivedByQoS", "PublishSent": "PublishSentByQoS",
}

func TestEveryCounterOfTheEngineIsExported(t *testing.T) {
	var stats engine.Stats
	v := reflect.ValueOf(&stats).Elem()
	for i := range v.NumField() {
		name, value := v.Type().Field(i).Name, float64(1000+i)
		if of, ok := sums[name]; ok {
			if !v.FieldByName(of).IsValid() {
				t.Errorf("%s is said to be the sum of %s, which does not exist", name, of)
			}
			continue
		}
		stats = engine.Stats{}
		fill(t, v.Field(i), name, 1000+i)
		if !values(t, &figures{stats: stats})[value] {
			t.Errorf("engine.Stats.%s is in no metric", name)
		}
	}
}

// fill sets a field of Stats, or one element of it.
func fill(t *testing.T, f reflect.Value, name string, n int) {
	switch f.Kind() {
	case reflect.Array:
		f.Index(2).SetUint(uint64(n))
	case reflect.Map:
		f.Set(reflect.ValueOf(map[string]uint64{engine.DropExpired.String(): uint64(n)}))
	case reflect.Uint64:
		f.SetUint(uint64(n))
	case reflect.Int, reflect.Int64:
		f.SetInt(int64(n))
	default:
		t.Errorf("engine.Stats.%s is of a kind that this test does not know: %s", name, f.Kind())
	}
}

func TestEveryFigureOfALoopIsExported(t *testing.T) {
	lag := engine.Lag{Bounds: []time.Duration{time.Second}, Counts: []uint64{1, 2}}
	for i, set := range []func(l *engine.LoopStats, n int){
		func(l *engine.LoopStats, n int) { l.Connections = n },
		func(l *engine.LoopStats, n int) { l.Inbox = n },
		func(l *engine.LoopStats, n int) { l.Busy = time.Duration(n) * time.Second },
		func(l *engine.LoopStats, n int) { l.Lag.Sum = time.Duration(n) * time.Second },
	} {
		l := engine.LoopStats{Lag: lag}
		set(&l, 2000+i)
		if !values(t, &figures{loops: []engine.LoopStats{l}})[float64(2000+i)] {
			t.Errorf("figure %d of a loop is in no metric", i)
		}
	}
}

func TestMetricsKeepPrometheusConventions(t *testing.T) {
	r := run(t, local(t))
	problems, err := testutil.GatherAndLint(r.admin.registry())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "penstock_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// scrape parses what the endpoint answers and gives one value.
func (r *rig) scrape(name string, labels ...string) float64 {
	r.t.Helper()
	a := r.ask(request{path: "/metrics"})
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(a.body))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, m := range families[name].GetMetric() {
		have := map[string]bool{}
		for _, l := range m.Label {
			have[l.GetName()+"="+l.GetValue()] = true
		}
		fits := true
		for _, want := range labels {
			fits = fits && have[want]
		}
		if fits {
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	r.t.Fatalf("no metric %s with %q", name, labels)
	return 0
}

func TestAScrapeSaysWhatHappened(t *testing.T) {
	ctx := context.Background()
	r := run(t, local(t))
	c := r.connect("me", 0)
	if _, err := c.Subscribe(ctx, []client.Filter{{Filter: "t", QoS: 1}}, nil); err != nil {
		t.Fatal(err)
	}
	for qos := range byte(3) {
		if err := c.Publish(ctx, client.Message{Topic: "t", Payload: []byte("12345678"), QoS: qos}); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		want   float64
		name   string
		labels []string
	}{
		{1, "penstock_build_info", []string{"version=1.2.3"}},
		{1, "penstock_clients_connected", nil},
		{1, "penstock_subscriptions", nil},
		{1, "penstock_messages_received_total", []string{"qos=0"}},
		{1, "penstock_messages_received_total", []string{"qos=1"}},
		{1, "penstock_messages_received_total", []string{"qos=2"}},
		{1, "penstock_messages_sent_total", []string{"qos=0"}},
		{2, "penstock_messages_sent_total", []string{"qos=1"}},
		{24, "penstock_payload_received_bytes_total", nil},
		{3, "penstock_packets_received_total", []string{"type=PUBLISH"}},
		{1, "penstock_packets_sent_total", []string{"type=CONNACK"}},
		{1, "penstock_packets_sent_total", []string{"type=SUBACK"}},
		{1, "penstock_packets_sent_total", []string{"type=PUBREC"}},
	} {
		eventually(t, fmt.Sprintf("%s %q being %v", tt.name, tt.labels, tt.want), func() bool { return r.scrape(tt.name, tt.labels...) == tt.want })
	}
	for _, name := range []string{"go_goroutines", "process_resident_memory_bytes"} {
		if r.scrape(name) <= 0 {
			t.Errorf("%s is not above 0", name)
		}
	}
}

// Scrapers, listers and kickers at work: a client's messages all come, and nothing is left waiting.
func TestAHammeringOperatorDisturbsNoClient(t *testing.T) {
	ctx := context.Background()
	r := run(t, local(t))
	const messages = 300
	got := make(chan struct{}, messages)
	c := r.connect("me", 0)
	handler := func(*client.Message) { got <- struct{}{} }
	if _, err := c.Subscribe(ctx, []client.Filter{{Filter: "t", QoS: 1}}, handler); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var busy sync.WaitGroup
	for _, q := range []request{
		{path: "/metrics"}, {path: "/api/v1/clients?limit=1"}, {path: "/api/v1/status"}, {path: "/api/v1/client/me"}, {path: "/healthz"},
		{method: "DELETE", path: "/api/v1/client/victim?session=true", socket: true}, {path: "/debug/pprof/goroutine?debug=1"},
	} {
		busy.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					r.ask(q)
				}
			}
		})
	}
	for i := range messages {
		if i%30 == 0 {
			r.connect("victim", 60)
		}
		if err := c.Publish(ctx, client.Message{Topic: "t", QoS: 1}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range messages {
		select {
		case <-got:
		case <-time.After(20 * time.Second):
			t.Fatalf("got %d of %d messages", i, messages)
		}
	}
	close(stop)
	busy.Wait()
}
