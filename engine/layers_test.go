package engine

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
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
