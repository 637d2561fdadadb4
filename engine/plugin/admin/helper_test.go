package admin

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
)

const token = "a-token-of-some-length"

// rig is a broker with its admin server.
type rig struct {
	t      *testing.T
	config engine.Config
	broker *engine.Broker
	admin  *Server
	log    *lines
	mqtt   string // host:port
}

// lines is a log that may be read while it is written.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.buf.Write(b) }
func (l *lines) String() string              { l.mu.Lock(); defer l.mu.Unlock(); return l.buf.String() }

// run starts a broker and its admin server, which end with the test.
func run(t *testing.T, cfg Config, listeners ...engine.Listener) *rig {
	t.Helper()
	r := prepare(t, cfg, listeners...)
	if _, err := r.admin.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.stop() })
	if err := r.broker.Start(); err != nil {
		t.Fatal(err)
	}
	r.mqtt = strings.TrimPrefix(r.broker.Addrs()[0].URL, "tcp://")
	return r
}

// prepare makes what run starts; without listeners there is one for plain TCP.
func prepare(t *testing.T, cfg Config, listeners ...engine.Listener) *rig {
	t.Helper()
	return prepareOf(t, cfg, engine.Parts{}, listeners...)
}

// prepareOf is prepare for a broker with parts of the test's.
func prepareOf(t *testing.T, cfg Config, parts engine.Parts, listeners ...engine.Listener) *rig {
	t.Helper()
	r := &rig{t: t, log: &lines{}}
	c := engine.DefaultConfig()
	c.Listeners[0].Address, c.Loops, c.Sys.Interval = "127.0.0.1:0", 2, 0
	if len(listeners) > 0 {
		c.Listeners = listeners
	}
	r.config = c
	var err error
	if r.broker, err = engine.New(c, parts); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(r.log, nil))
	r.admin, err = New(cfg, Options{Broker: r.broker, Logger: log, Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := r.broker.Stop(ctx); err != nil {
		r.t.Error(err)
	}
	_ = r.admin.Stop(ctx)
}

// local is a configuration that listens on a free port and a socket of the test's.
func local(t *testing.T) Config {
	return Config{Listen: []string{"127.0.0.1:0"}, Socket: filepath.Join(t.TempDir(), "s")}
}

// request is one question; zero fields are what anybody would send.
type request struct {
	method, path, host, token string
	header                    map[string]string
	socket                    bool
}

// answer is what came back.
type answer struct {
	status int
	body   string
	header http.Header
}

// ask puts a request as it is, without a client that would be wiser than a stranger.
func (r *rig) ask(q request) answer {
	r.t.Helper()
	network, address := "tcp", ""
	if q.socket {
		network, address = "unix", r.admin.Socket()
	} else {
		_, address, _ = strings.Cut(r.admin.URLs()[0], "://")
	}
	c, err := net.Dial(network, address)
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	if q.method == "" {
		q.method = "GET"
	}
	switch {
	case q.host != "":
	case q.socket:
		q.host = "penstock"
	default:
		q.host = address
	}
	text := q.method + " " + q.path + " HTTP/1.1\r\nHost: " + q.host + "\r\nConnection: close\r\n"
	if q.token != "" {
		text += "Authorization: Bearer " + q.token + "\r\n"
	}
	for k, v := range q.header {
		text += k + ": " + v + "\r\n"
	}
	if _, err := io.WriteString(c, text+"\r\n"); err != nil {
		r.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		r.t.Fatalf("%+v: %v", q, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatalf("%+v: %v", q, err)
	}
	return answer{resp.StatusCode, string(body), resp.Header}
}

// get reads JSON over the socket.
func get[T any](r *rig, path string) (v T) {
	r.t.Helper()
	a := r.ask(request{path: path, socket: true})
	if a.status != 200 {
		r.t.Fatalf("%s: got %d %s", path, a.status, a.body)
	}
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		r.t.Fatalf("%s: %v in %s", path, err, a.body)
	}
	return v
}

// connect is an MQTT client that ends with the test.
func (r *rig) connect(id string, expiry uint32) *client.Client {
	r.t.Helper()
	o := client.Options{Addr: r.mqtt, ClientID: id, Version: mqtt.V5, CleanStart: true, KeepAlive: 60, Username: "user of " + id}
	if expiry > 0 {
		o.Props.SessionExpiry = expiry
		o.Props.Set(mqtt.PropSessionExpiry)
	}
	c, _, err := client.Dial(context.Background(), o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return c
}

// eventually waits for what must come about.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for end := time.Now().Add(20 * time.Second); !ok(); <-poll.C {
		if time.Now().After(end) {
			t.Fatalf("%s did not come about", what)
		}
	}
}
