package admin

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/penstock-mqtt/penstock/engine"
)

func TestEveryFigureOfAListenerIsExported(t *testing.T) {
	for i, set := range []func(l *engine.ListenerStats, n int){
		func(l *engine.ListenerStats, n int) { l.Connections = n },
		func(l *engine.ListenerStats, n int) { l.Connecting = n },
		func(l *engine.ListenerStats, n int) { l.EarlyBytes = int64(n) },
		func(l *engine.ListenerStats, n int) { l.Accepted = uint64(n) },
		func(l *engine.ListenerStats, n int) { l.Shed = uint64(n) },
		func(l *engine.ListenerStats, n int) { l.Refused = map[string]uint64{"silent": uint64(n)} },
		func(l *engine.ListenerStats, n int) { l.ConnectsRefused = map[string]uint64{"banned": uint64(n)} },
		func(l *engine.ListenerStats, n int) { l.LeftConnect = uint64(n) },
		func(l *engine.ListenerStats, n int) { l.LeftHandshake = uint64(n) },
		func(l *engine.ListenerStats, n int) { l.Certificates[0].NotAfter = time.Unix(int64(n), 0) },
		func(l *engine.ListenerStats, n int) { l.Reloads = uint64(n) },
		func(l *engine.ListenerStats, n int) { l.ReloadsFailed = uint64(n) },
	} {
		l := engine.ListenerStats{Name: "n", Kind: engine.KindTLS, Certificates: make([]engine.CertificateExpiry, 1)}
		set(&l, 3000+i)
		if !values(t, &figures{listeners: []engine.ListenerStats{l}})[float64(3000+i)] {
			t.Errorf("figure %d of a listener is in no metric", i)
		}
	}
}

// reasons gives the reasons of one listener's refusals that are exported.
func reasons(t *testing.T, l engine.ListenerStats) map[string]float64 {
	t.Helper()
	got := map[string]float64{}
	for _, m := range family(t, "penstock_listener_refused_total", l) {
		got[m["reason"].(string)] = m[""].(float64)
	}
	return got
}

// family gives the metrics of one family: labels, and the value under the empty name.
func family(t *testing.T, name string, l ...engine.ListenerStats) (all []map[string]any) {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(collector{&figures{listeners: l}})
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.Metric {
			one := map[string]any{"": m.GetCounter().GetValue() + m.GetGauge().GetValue()}
			for _, label := range m.Label {
				one[label.GetName()] = label.GetValue()
			}
			all = append(all, one)
		}
	}
	return all
}

func TestAListenerShowsTheReasonsThatItsKindCanHave(t *testing.T) {
	for _, tt := range []struct {
		kind engine.Kind
		want []string // beginnings of the reasons that are there
	}{
		{engine.KindTCP, nil}, {engine.KindUnix, nil}, {engine.KindTLS, []string{"tls_"}}, {engine.KindWS, []string{"ws_"}},
		{engine.KindWSS, []string{"tls_", "ws_"}},
	} {
		got := reasons(t, engine.ListenerStats{Name: "n", Kind: tt.kind, Refused: map[string]uint64{"not_mqtt_http": 7}})
		if got["not_mqtt_http"] != 7 {
			t.Errorf("%s: HTTP for MQTT is %v times there, want 7", tt.kind, got["not_mqtt_http"])
		}
		for _, stage := range []string{"tls_", "ws_"} {
			there := slices.ContainsFunc(slices.Collect(maps.Keys(got)), func(r string) bool { return strings.HasPrefix(r, stage) })
			if want := slices.Contains(tt.want, stage); there != want {
				t.Errorf("%s: reasons that begin with %s are there: %v, want %v", tt.kind, stage, there, want)
			}
		}
		for _, of := range []string{"max_connections", "connect_timeout", "proxy_missing"} {
			if n, ok := got[of]; !ok || n != 0 {
				t.Errorf("%s: %s is %v, there %v, want a zero", tt.kind, of, n, ok)
			}
		}
	}
}

// One series too many of a name, or one byte that is no UTF-8, would fail the whole scrape.
func TestNoNameFailsAScrape(t *testing.T) {
	at := time.Unix(1e9, 0)
	l := engine.ListenerStats{Name: "caf\xe9", Kind: engine.KindTLS, Certificates: []engine.CertificateExpiry{
		{File: "/\xff.crt", Subject: "CN=a\xfe", NotAfter: at},
		{File: "ca.crt", Subject: "CN=twice", NotAfter: at},
		{File: "ca.crt", Subject: "CN=twice", NotAfter: at.Add(time.Hour)},
	}}
	got := family(t, "penstock_tls_certificate_expiry_timestamp_seconds", l)
	if len(got) != 2 {
		t.Fatalf("got %v, want two: an authority that is twice in a file is one", got)
	}
	for _, m := range got {
		if m[""] != 1e9 || m["listener"] != "caf\uFFFD" {
			t.Errorf("got %v, want the sooner end and a name in UTF-8", m)
		}
	}
}
