package engine

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/internal/certs/certstest"
)

// listening starts a broker with one loop and the given listeners, and returns their addresses.
func listening(t *testing.T, parts Parts, listeners ...Listener) (*Broker, []string) {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Listeners, cfg.Loops, cfg.Sys.Interval = listeners, 1, 0
	b, err := New(cfg, parts)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, b) })
	var at []string
	for _, a := range b.Addrs() {
		_, hostPort, _ := strings.Cut(a.URL, "://")
		hostPort, _, _ = strings.Cut(hostPort, "/")
		hostPort, _, _ = strings.Cut(hostPort, "?")
		at = append(at, hostPort)
	}
	return b, at
}

func dialTCP(t *testing.T, address string) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
	return nc
}

const upgradeRequest = "GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"

// frame is a client's binary frame, masked with zeros; p has fewer than 126 bytes.
func frame(p []byte) []byte { return append([]byte{0x82, 0x80 | byte(len(p)), 0, 0, 0, 0}, p...) }

// What a connection was to be answered when its step panicked is never another's answer.
func TestAPanicLeavesNoAnswerToTheNextConnection(t *testing.T) {
	b, at := listening(t, Parts{}, Listener{Kind: KindWS, Address: "127.0.0.1:0"})
	router := b.loops[0].router
	onLoop(t, b, 0, func(l *loop) { l.router = nil }) // no PUBLISH can be routed
	publish := mqtt.Publish{Topic: []byte("boom")}
	bad := dialTCP(t, at[0])
	say(t, bad, append([]byte(upgradeRequest), frame(publish.AppendTo(hello("bad"), mqtt.V311))...))
	_, _ = io.Copy(io.Discard, bad)
	if got := b.Stats().Panics; got != 1 {
		t.Fatalf("panics counted: got %d, want 1", got)
	}
	onLoop(t, b, 0, func(l *loop) { l.router = router })

	good := dialTCP(t, at[0])
	say(t, good, []byte(upgradeRequest))
	r := bufio.NewReader(good)
	if answer, err := http.ReadResponse(r, nil); err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got %v, %v", answer, err)
	}
	say(t, good, frame(hello("good")))
	got := make([]byte, 6)
	if _, err := io.ReadFull(r, got); err != nil || string(got) != "\x82\x04\x20\x02\x00\x00" {
		t.Errorf("behind the upgrade: got % x, %v, want a frame with the CONNACK", got, err)
	}
}

// connOf gives the only connection of the first loop.
func connOf(l *loop) *conn {
	for i := range l.connCount {
		if c := l.connAt(i).c; c != nil {
			return c
		}
	}
	return nil
}

// A client may send its certificates in more bytes than are held for a handshake at a time.
func TestAHandshakeMayBeLargerThanWhatWaitsForIt(t *testing.T) {
	ca, dir := certstest.NewCA(t, "authority"), t.TempDir()
	cert, key := ca.Issue(t, "broker", certstest.Names("127.0.0.1")).Write(t, dir, "broker")
	authority := certstest.WriteFile(t, dir, "ca.crt", certstest.PEM(ca.Cert))
	_, at := listening(t, Parts{}, Listener{
		Kind: KindTLS, Address: "127.0.0.1:0", Cert: []string{cert}, Key: []string{key}, CA: authority, ClientAuth: ClientAuthRequire,
	})
	var names []string
	for i := range 1500 {
		names = append(names, fmt.Sprintf("%060d.example", i))
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		c := tls.Client(dialTCP(t, at[0]), &tls.Config{
			InsecureSkipVerify: true, MaxVersion: version, Certificates: []tls.Certificate{ca.Issue(t, "me", certstest.Client(), certstest.Names(names...)).TLS()},
		})
		_, err := c.Write(hello("c"))
		if err == nil {
			_, err = io.ReadFull(c, make([]byte, 4))
		}
		if err != nil {
			t.Errorf("%s with a certificate of about 100 KB: %v", tls.VersionName(version), err)
		}
	}
}

// Whose opening waited for room goes on when others have caught up, also when its CONNECT is not whole.
func TestAnUnfinishedConnectIsReadOnWhenOthersHaveCaughtUp(t *testing.T) {
	b, at := listening(t, Parts{}, Listener{Kind: KindTCP, Address: "127.0.0.1:0"})
	nc, packet := dialTCP(t, at[0]), hello("c")
	say(t, nc, packet[:5])
	until(t, "half a CONNECT", func() bool { return b.Listeners()[0].EarlyBytes > 0 })
	onLoop(t, b, 0, func(l *loop) {
		c := connOf(l)
		c.pause()
		l.throttled = true
		l.goOn(c)
		l.relax()
	})
	say(t, nc, packet[5:])
	if _, err := io.ReadFull(nc, make([]byte, 4)); err != nil {
		t.Errorf("no CONNACK: %v", err)
	}
}

// What is written to a client is no reason to read again while the broker hands over.
func TestNobodyIsReadWhileTheBrokerPartsWithItsClients(t *testing.T) {
	b, at := listening(t, Parts{}, Listener{Kind: KindTCP, Address: "127.0.0.1:0"})
	nc := dialTCP(t, at[0])
	sub := mqtt.Subscribe{ID: 1, Filters: []mqtt.Subscription{{Filter: []byte("t")}}}
	say(t, nc, sub.AppendTo(hello("c"), mqtt.V311, 0))
	if _, err := io.ReadFull(nc, make([]byte, 4+5)); err != nil {
		t.Fatal(err)
	}
	onLoop(t, b, 0, (*loop).hush)
	onLoop(t, b, 0, func(l *loop) { l.publishOwn([]byte("t"), []byte("x"), 0, false, 0) })
	if _, err := io.ReadFull(nc, make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	onLoop(t, b, 0, func(l *loop) {
		if !connOf(l).nc.Paused() {
			t.Error("the connection is read again")
		}
	})
}

// Who is revoked between its verification and the end of its handshake does not come in, and is counted by the reason.
func TestARevocationAtTheEndOfAHandshakeIsCounted(t *testing.T) {
	ca, dir := certstest.NewCA(t, "authority"), t.TempDir()
	cert, key := ca.Issue(t, "broker", certstest.Names("127.0.0.1")).Write(t, dir, "broker")
	cfg := DefaultConfig()
	cfg.Listeners = []Listener{{
		Kind: KindTLS, Address: "127.0.0.1:0", Cert: []string{cert}, Key: []string{key}, ClientAuth: ClientAuthRequire,
		CA: certstest.WriteFile(t, dir, "ca.crt", certstest.PEM(ca.Cert)), CRL: certstest.WriteFile(t, dir, "crl", certstest.CRLPEM(ca.CRL(t))),
	}}
	cfg.Sys.Interval = 0
	b, err := New(cfg, Parts{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Prepare(); err != nil {
		t.Fatal(err)
	}
	me := ca.Issue(t, "me", certstest.Client())
	list := certstest.CRLPEM(ca.CRL(t, me.Cert))
	lst := b.listeners[0]
	choose := lst.tls.GetConfigForClient
	lst.tls.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		chosen, err := choose(hello)
		if err != nil {
			return nil, err
		}
		chosen = chosen.Clone()
		verify := chosen.VerifyConnection
		chosen.VerifyConnection = func(state tls.ConnectionState) error {
			err := verify(state)
			certstest.WriteFile(t, dir, "crl", list)
			return errors.Join(err, b.reloadOne(lst, *lst.files.Load()))
		}
		return chosen, nil
	}
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, b) })
	c := tls.Client(dialTCP(t, strings.TrimPrefix(b.Addrs()[0].URL, "tls://")), &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{me.TLS()}})
	if _, err := c.Write(hello("c")); err == nil {
		if n, err := c.Read(make([]byte, 1)); err == nil {
			t.Errorf("got %d bytes, want the end", n)
		}
	}
	until(t, "the refusal", func() bool { return b.Listeners()[0].Refused["tls_revoked"] == 1 })
}

// Who connected while nobody was pinged is pinged when a reload says so.
func TestPingsBeginWithAReload(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Listeners = []Listener{{Kind: KindWS, Address: "127.0.0.1:0"}}
	cfg.Sys.Interval, cfg.WebSocket.PingInterval = 0, 0
	b, err := New(cfg, Parts{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, b) })
	nc := dialTCP(t, b.listeners[0].ln.Addr().String())
	say(t, nc, append([]byte(upgradeRequest), frame(hello("c"))...)) // without a keep alive
	r := bufio.NewReader(nc)
	if _, err := http.ReadResponse(r, nil); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 6)
	if _, err := io.ReadFull(r, got); err != nil || got[2] != byte(mqtt.CONNACK)<<4 {
		t.Fatalf("got % x, %v, want the CONNACK", got, err)
	}
	cfg.WebSocket.PingInterval = time.Second
	if err := b.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, got[:2]); err != nil || got[0] != 0x89 || got[1] != 0 {
		t.Errorf("got % x, %v, want a ping", got[:2], err)
	}
}

func (s *sources) len() (n int) {
	for i := range s.shards {
		s.shards[i].mu.Lock()
		n += len(s.shards[i].m)
		s.shards[i].mu.Unlock()
	}
	return n
}

// A reload may make a proxy of a source between the moment a connection of it was taken and the moment it is opened.
func TestAProxyThatBecameOneCountsForItsClientOnly(t *testing.T) {
	b, _ := listening(t, Parts{}, Listener{Kind: KindTCP, Address: "127.0.0.1:0"})
	lst := b.listeners[0]
	_, v, ok := lst.Admit(netip.MustParseAddrPort("192.0.2.1:1"))
	if !ok {
		t.Fatal("not admitted")
	}
	onLoop(t, b, 0, func(l *loop) {
		c := v.(*conn)
		c.l, c.opening.early = l, 10
		lst.early.Add(10)
		b.sources.weigh(c.opening.from, 10)
		if err := l.introduced(c, &layers{}, &codec.ProxyHeader{Source: netip.MustParseAddrPort("192.0.2.2:1")}); err != nil {
			t.Error(err)
		}
		if n := b.sources.len(); n != 1 {
			t.Errorf("introduced: %d sources, want the client alone", n)
		}
		c.Dropped(nil)
	})
	if n, early, at := b.sources.len(), lst.early.Load(), lst.connecting.Load(); n != 0 || early != 0 || at != 0 {
		t.Errorf("in the end: %d sources, %d bytes, %d connecting; want none", n, early, at)
	}
}
