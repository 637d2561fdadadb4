package bench_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/bench"
	"github.com/penstock-mqtt/penstock/bench/internal/faulty"
	"github.com/penstock-mqtt/penstock/bench/internal/pki"
	"github.com/penstock-mqtt/penstock/engine"
)

// secured is a broker with a listener of each kind, and how a client gets through to it.
type secured struct {
	*engine.Broker
	files pki.Files
}

func startSecured(t *testing.T, keys pki.Kind) *secured {
	t.Helper()
	f, err := pki.Write(t.TempDir(), keys)
	if err != nil {
		t.Fatal(err)
	}
	cfg := engine.DefaultConfig()
	cert, key := []string{f.Cert}, []string{f.Key}
	cfg.Listeners = []engine.Listener{
		{Name: "tls", Kind: engine.KindTLS, Address: "127.0.0.1:0", Cert: cert, Key: key},
		{Name: "mtls", Kind: engine.KindTLS, Address: "127.0.0.1:0", Cert: cert, Key: key, CA: f.CA},
		{Name: "ws", Kind: engine.KindWS, Address: "127.0.0.1:0"},
		{Name: "wss", Kind: engine.KindWSS, Address: "127.0.0.1:0", Cert: cert, Key: key, Path: "/deep/path"},
		{Name: "unix", Kind: engine.KindUnix, Address: filepath.Join(t.TempDir(), "socket")},
	}
	cfg.Loops, cfg.Sys.Interval = 2, 0
	cfg.Session.MaxQueuedMessages, cfg.Session.MaxQueuedBytes = 1_000_000, 512*engine.MiB
	b, err := engine.New(cfg, engine.Parts{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Stop(context.Background()) })
	return &secured{b, f}
}

var transports = []string{"tls", "mtls", "ws", "wss", "unix"}

// over sends a run through a listener.
func (s *secured) over(name string, c bench.Config) bench.Config {
	for _, a := range s.Addrs() {
		if a.Name == name {
			c.Addr = a.URL
		}
	}
	if strings.Contains(name, "tls") || name == "wss" {
		c.CAFile = s.files.CA
	}
	if name == "mtls" {
		c.CertFile, c.KeyFile = s.files.ClientCert, s.files.ClientKey
	}
	return c
}

func TestEveryScenarioRunsOverEveryTransport(t *testing.T) {
	s := startSecured(t, pki.ECDSA)
	all := []bench.Config{
		{Scenario: "p2p", Publishers: 5, QoS: 1},
		{Scenario: "p2p", Publishers: 2, Payload: 100_000, Window: 4},
		{Scenario: "fanin", Publishers: 20},
		{Scenario: "fanout", Subscribers: 20, QoS: 2},
		{Scenario: "shared", Publishers: 10, Subscribers: 3},
		{Scenario: "wildcard", Publishers: 7, Clients: 20, Filters: 6, Topics: 40},
		{Scenario: "mixed", Clients: 10, Rate: 1000},
		{Scenario: "openloop", Publishers: 3, Rate: 2000},
		{Scenario: "slow-consumer", Subscribers: 3, Clients: 2, Rate: 1000},
		{Scenario: "connect", Clients: 5},
		{Scenario: "idle", Clients: 20, KeepAlive: time.Second},
		{Scenario: "retained", Messages: 200, Subscribers: 2},
		{Scenario: "retain", Publishers: 2, Topics: 20, QoS: 1},
		{Scenario: "offline", Messages: 200},
		{Scenario: "reconnect-storm", Clients: 20},
		{Scenario: "will-storm", Clients: 20},
		{Scenario: "handshake-storm", Clients: 20},
		{Scenario: "figures", Clients: 30, Publishers: 5},
	}
	for _, scenario := range bench.Scenarios() {
		if scenario.Name == "startup" { // needs somebody who starts brokers
			continue
		}
		if !slices.ContainsFunc(all, func(c bench.Config) bool { return c.Scenario == scenario.Name }) {
			t.Errorf("%s is not among them", scenario.Name)
		}
	}
	for _, c := range all {
		for threads, name := range transports {
			t.Run(fmt.Sprintf("%s of %d over %s", c.Scenario, c.Payload, name), func(t *testing.T) {
				c := s.over(name, brief(c, ""))
				c.Threads = 1 + threads%2
				c.Warmup, c.Duration = 10*time.Millisecond, 40*time.Millisecond
				r := run(t, c)
				if r.Failed() {
					t.Errorf("faults: %+v", r.Faults)
				}
				secure, web := c.CAFile != "", strings.Contains(name, "ws")
				if secure != (r.Handshakes != nil) {
					t.Errorf("handshakes are %+v", r.Handshakes)
				}
				none := r.Connect == nil || r.Connect.Count == 0 // in so short a time, on a slow machine
				if !none && (secure != strings.Contains(r.Transport, "TLS 1.3, ") || web != strings.HasPrefix(r.Transport, "WebSocket")) {
					t.Errorf("transport %q with handshakes %+v", r.Transport, r.Handshakes)
				}
			})
		}
	}
	nothingLeft(t, s.Broker)
}

func TestAPacketMayBeAFrameOfItsOwn(t *testing.T) {
	s := startSecured(t, pki.ECDSA)
	for _, name := range []string{"ws", "wss"} {
		for _, payload := range []int{64, 20_000} {
			c := s.over(name, brief(bench.Config{Scenario: "p2p", Publishers: 3, QoS: 2, Payload: payload, WSFrames: "packet"}, ""))
			if r := run(t, c); r.Failed() || r.Delivered == 0 {
				t.Errorf("%s, %d bytes: delivered %d with %+v", name, payload, r.Delivered, r.Faults)
			}
		}
	}
}

func TestSessionsAreResumedWhenAskedTo(t *testing.T) {
	brokers := []*secured{pki.ECDSA: startSecured(t, pki.ECDSA), pki.RSA: startSecured(t, pki.RSA)}
	for _, tt := range []struct {
		keys               pki.Kind
		transport, version string
		want               string
	}{
		{pki.ECDSA, "tls", "1.2", "ECDSA certificate"}, {pki.ECDSA, "tls", "1.3", "ECDSA certificate"}, {pki.RSA, "tls", "1.3", "RSA certificate"},
		{pki.ECDSA, "mtls", "1.2", "ECDSA certificate"}, {pki.ECDSA, "mtls", "1.3", "ECDSA certificate"}, {pki.ECDSA, "wss", "1.3", "ECDSA certificate"},
	} {
		c := brokers[tt.keys].over(tt.transport, brief(bench.Config{Scenario: "connect", Clients: 3, TLSVersion: tt.version, TLSResume: true}, ""))
		// A client resumes from its second connection on.
		r := runUntil(t, c, func(r *bench.Report) bool { return r.Handshakes != nil && r.Handshakes.Resumed > 0 })
		if h := r.Handshakes; r.Failed() || h == nil || h.Full != 3 || h.Resumed == 0 {
			t.Errorf("%s %s: %+v, faults %+v, want 3 full ones and some resumed", tt.transport, tt.version, h, r.Faults)
		}
		if !strings.Contains(r.Transport, "TLS "+tt.version+", ") || !strings.HasSuffix(r.Transport, tt.want) {
			t.Errorf("transport is %q, want %s with an %s", r.Transport, tt.version, tt.want)
		}
		figure(t, r, "TLS handshakes, resumed")
		c.TLSResume, c.Duration = false, 50*time.Millisecond
		if h := run(t, c).Handshakes; h.Resumed != 0 {
			t.Errorf("%s %s: %+v resumed without being asked to", tt.transport, tt.version, h)
		}
	}
}

func TestAHandshakeStormTellsWhatItCostsOthers(t *testing.T) {
	c := bench.Config{Scenario: "handshake-storm", Clients: 100}
	onEngine(t, c, func(t *testing.T, r *bench.Report) { // plain: a storm of CONNECTs
		if got := figure(t, r, "clients in"); got != 100 || r.Connect == nil || r.Connect.Count != 100 || r.Handshakes != nil {
			t.Errorf("%v clients in, connected %+v, handshakes %+v, want 100, 100 and none", got, r.Connect, r.Handshakes)
		}
		above0(t, r, "half of the clients in after", "all clients in after", "CPU per client that connects")
	})
	s := startSecured(t, pki.ECDSA)
	r := run(t, s.over("tls", brief(c, "")))
	if r.Handshakes.Full != 102 || r.Latency == nil {
		t.Errorf("%+v handshakes and latency %+v, want 102 with the bystander's, and its latency", r.Handshakes, r.Latency)
	}
	above0(t, r, "TLS handshakes, full", "bystander's p99 meanwhile")
}

func TestAClientThatIsNotInTheStormsEndIsAFault(t *testing.T) {
	b := startFaulty(t, faulty.Rule{Do: faulty.MuteConnect, Every: 10, After: 2, Times: 1})
	r := run(t, brief(bench.Config{Scenario: "handshake-storm", Clients: 20}, b.Addr()))
	if r.Faults.Stalled != 1 || figure(t, r, "clients in") != 19 {
		t.Errorf("faults are %+v, want one stalled and 19 in", r.Faults)
	}
}

// terminated is a broker without TLS behind a proxy that takes it off.
func terminated(t *testing.T, f pki.Files, to string) (addr string) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				b, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				go func() {
					_, _ = io.Copy(b, c)
					b.Close()
				}()
				_, _ = io.Copy(c, b)
			}()
		}
	}()
	return "tls://" + ln.Addr().String()
}

func TestFaultsAreCountedOverTLSToo(t *testing.T) {
	f, err := pki.Write(t.TempDir(), pki.ECDSA)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		do      faulty.Fault
		counter func(bench.Faults) uint64
	}{{faulty.Drop, lost}, {faulty.Double, duplicates}, {faulty.Swap, reordered}, {faulty.Corrupt, corrupted}, {faulty.Sever, dropped}, {faulty.Malformed, protocol}} {
		b := startFaulty(t, faulty.Rule{Do: tt.do, Every: 23, Times: 1})
		c := short("p2p", terminated(t, f, b.Addr()), 4, 1)
		c.CAFile, c.Drain = f.CA, 400*time.Millisecond
		r, err := bench.Run(t.Context(), c)
		if r == nil || tt.counter(r.Faults)+r.Faults.Stalled == 0 || b.Done(tt.do) != 1 {
			t.Errorf("%v: done %d times, the report says %+v (%v)", tt.do, b.Done(tt.do), r, err)
		}
	}
}

func TestWhoIsNotLetInIsToldWhy(t *testing.T) {
	s := startSecured(t, pki.ECDSA)
	other, err := pki.Write(t.TempDir(), pki.ECDSA)
	if err != nil {
		t.Fatal(err)
	}
	p2p := brief(bench.Config{Scenario: "p2p", Publishers: 1}, "")
	for _, tt := range []struct {
		name, over, want string
		change           func(c *bench.Config)
	}{
		{"another authority", "tls", "certificate", func(c *bench.Config) { c.CAFile = other.CA }},
		{"another name", "tls", "localhost", func(c *bench.Config) { c.ServerName = "example.org" }},
		{"no certificate", "mtls", "certificate", func(c *bench.Config) { c.CertFile, c.KeyFile = "", "" }},
		{"no TLS there", "ws", "", func(c *bench.Config) {
			c.Addr = "tls" + strings.TrimPrefix(c.Addr, "ws")
			c.Addr = strings.TrimSuffix(c.Addr, "/mqtt")
		}},
		{"another path", "ws", "404", func(c *bench.Config) { c.Addr = strings.TrimSuffix(c.Addr, "/mqtt") + "/other" }},
		{"nobody there", "unix", "no such file", func(c *bench.Config) { c.Addr += "-gone" }},
	} {
		c := s.over(tt.over, p2p)
		tt.change(&c)
		_, err := bench.Run(t.Context(), c)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want an error that says %q", tt.name, err, tt.want)
		}
	}
	c := s.over("tls", p2p)
	c.CAFile, c.Insecure = "", true
	if r := run(t, c); r.Failed() {
		t.Errorf("insecure: %+v", r.Faults)
	}
	c.Insecure, c.CAFile = false, filepath.Join(t.TempDir(), "none")
	if _, err := bench.Run(t.Context(), c); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is missing: got %v", err)
	}
}
