package compare

import (
	"bytes"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/bench"
)

const overAll = `brokers:
  - name: all
    command:
      - "{self}"
      - broker
      - "{port}"
      - tls://127.0.0.1:{port-tls}?cert={cert}&key={key}
      - tls://127.0.0.1:{port-mtls}?cert={cert}&key={key}&ca={ca}&client-auth=require
      - ws://127.0.0.1:{port-ws}/mqtt
      - wss://127.0.0.1:{port-wss}/mqtt?cert={cert}&key={key}
  - {name: plain, command: "{self} broker {port}"}
defaults: {publishers: 2, warmup: 10ms, duration: 50ms}
scenarios:
  - {name: tcp, run: p2p, over: tcp}
  - {name: tls, run: p2p, over: tls, with: {tls-version: 1.2}}
  - {name: mtls, run: p2p, over: mtls}
  - {name: ws, run: p2p, over: ws}
  - {name: wss, run: p2p, over: wss}
`

func TestBrokersAreMeasuredOverTheTransportsTheyServe(t *testing.T) {
	s, err := Load(specFile(t, overAll))
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	r, err := Run(t.Context(), s, Options{Self: self(t), Log: &log, Run: bench.Run})
	if err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	want := map[string]string{
		"tcp": "", "tls": "TLS 1.2, ", "mtls": "TLS 1.3, ", "ws": "WebSocket", "wss": "WebSocket, TLS 1.3, ",
	}
	for _, row := range r.Rows {
		var brokers []string
		for _, run := range row.Runs {
			brokers = append(brokers, run.Broker)
			if run.Error != "" || run.Report == nil || run.Report.Failed() || !strings.HasPrefix(run.Report.Transport, want[row.Name]) {
				t.Errorf("%s of %s: %q, %+v, want a run over %q", row.Name, run.Broker, run.Error, run.Report, want[row.Name])
			}
		}
		if got := strings.Join(brokers, " "); row.Name == "tcp" && got != "all plain" || row.Name != "tcp" && got != "all" {
			t.Errorf("%s: measured %s", row.Name, got)
		}
	}
}

func TestClientsShowCertificatesOverMTLSOnly(t *testing.T) {
	for over, want := range map[Over]bool{"tls": false, "wss": false, "mtls": true} {
		l := &load{t: t}
		l.report = func(_ int, c bench.Config) (*bench.Report, error) {
			if c.CAFile == "" || (c.CertFile != "" && c.KeyFile != "") != want {
				t.Errorf("%s: the clients trust %q and show %q with %q", over, c.CAFile, c.CertFile, c.KeyFile)
			}
			return good(1, 1), nil
		}
		text := strings.Replace(overAll, "{name: tcp, run: p2p, over: tcp}", "{name: first, run: p2p, over: "+string(over)+"}", 1)
		s, err := Load(specFile(t, text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Run(t.Context(), s, Options{Self: self(t), Only: []string{"first"}, Run: l.give}); err != nil {
			t.Fatal(err)
		}
	}
}
