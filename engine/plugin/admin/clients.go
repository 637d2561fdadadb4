package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
)

// loopsWithin is how long an answer may wait for the event loops.
const loopsWithin = 10 * time.Second

// maxPage is how many clients a page may hold; defaultPage how many it holds when nobody says.
const (
	defaultPage = 100
	maxPage     = 1000
)

// Client is one client: its session, and its connection if it has one.
type Client struct {
	ClientID  string `json:"client_id"`
	Username  string `json:"username,omitempty"`  // of the last connection
	Principal string `json:"principal,omitempty"` // who began the session, as the authenticator named it
	Version   string `json:"version"`             // "3.1", "3.1.1" or "5.0"
	Loop      int    `json:"loop"`                // event loop that owns the session

	Clean         bool   `json:"clean"`                            // the session ends with its connection
	ExpirySeconds uint32 `json:"session_expiry_seconds,omitempty"` // 4294967295: never
	Subscriptions int    `json:"subscriptions"`
	Inflight      int    `json:"inflight"`        // QoS 1 and 2 messages to the client that it has not acknowledged
	Queued        int    `json:"queued_messages"` // that wait for the window, or for the client to come back
	QueuedBytes   int    `json:"queued_bytes"`

	Connected        bool       `json:"connected"`
	Remote           string     `json:"remote,omitempty"` // address of the client; none over a unix socket
	Listener         string     `json:"listener,omitempty"`
	Transport        string     `json:"transport,omitempty"`       // of the listener: "tcp", "tls", "ws", "wss" or "unix"
	Proxy            string     `json:"proxy,omitempty"`           // address of the proxy that forwards the client, or "unix"
	ConnectedSince   *time.Time `json:"connected_since,omitempty"` // to 4 s
	KeepAliveSeconds float64    `json:"keep_alive_seconds,omitempty"`
	OutboundBytes    int        `json:"outbound_bytes"` // that wait to be written
}

// Page is a part of the clients, in no particular order, but always in the same.
type Page struct {
	Clients []Client `json:"clients"`
	Next    uint64   `json:"next,omitempty"` // the after= of the next page; absent on the last
}

// Details is a client with its subscriptions, ordered by filter, at most a thousand of them.
type Details struct {
	Client
	TLS     *TLSDetails    `json:"tls,omitempty"`
	Filters []Subscription `json:"filters"`
}

// Subscription is one subscription of a client.
type Subscription struct {
	Filter            string `json:"filter"` // with $share/name/ and the listener's mountpoint
	QoS               uint8  `json:"qos"`
	NoLocal           bool   `json:"no_local,omitempty"`
	RetainAsPublished bool   `json:"retain_as_published,omitempty"`
	Identifier        uint32 `json:"identifier,omitempty"`
}

func (s *Server) clients(w http.ResponseWriter, r *http.Request) {
	q, err := query(r)
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), loopsWithin)
	defer cancel()
	page, err := s.Broker.Clients(ctx, q)
	if err != nil {
		failed(w, err)
		return
	}
	out := Page{Clients: make([]Client, len(page.Clients)), Next: page.Next}
	for i := range page.Clients {
		out.Clients[i] = shown(&page.Clients[i])
	}
	reply(w, http.StatusOK, out)
}

// query reads what clients a request is about.
func query(r *http.Request) (q engine.ClientQuery, err error) {
	v := r.URL.Query()
	q = engine.ClientQuery{Prefix: v.Get("prefix"), Contains: v.Get("contains"), Limit: defaultPage}
	if text := v.Get("limit"); text != "" {
		if q.Limit, err = strconv.Atoi(text); err != nil || q.Limit < 1 || q.Limit > maxPage {
			return q, fmt.Errorf("limit must be from 1 to %d", maxPage)
		}
	}
	if text := v.Get("after"); text != "" {
		if q.After, err = strconv.ParseUint(text, 10, 32); err != nil {
			return q, errors.New("after must be the next of a page")
		}
	}
	if q.Online, err = flag(r, "online"); err != nil {
		return q, err
	}
	return q, nil
}

// flag reads a parameter that is true or false, and false when it is not there.
func flag(r *http.Request, name string) (bool, error) {
	switch r.URL.Query().Get(name) {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, errors.New(name + " must be true or false")
}

func shown(c *engine.Client) Client {
	out := Client{
		ClientID: c.ClientID, Username: c.Username, Principal: c.Principal, Version: c.Version.String(), Loop: c.Loop,
		Clean: c.Expiry == 0, ExpirySeconds: c.Expiry,
		Subscriptions: c.Subscriptions, Inflight: c.Inflight, Queued: c.Queued, QueuedBytes: c.QueuedBytes,
		Connected: c.Connected, Listener: c.Listener, KeepAliveSeconds: c.KeepAlive.Seconds(), OutboundBytes: c.Outbound,
	}
	if c.Connected {
		out.Remote, out.Transport, out.ConnectedSince = address(c.Remote), string(c.Transport), &c.Since
	}
	if c.Proxied {
		out.Proxy = cmp.Or(address(c.Proxy), string(engine.KindUnix))
	}
	return out
}

// address is empty for the peer of a unix socket, who has none.
func address(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func (s *Server) client(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), loopsWithin)
	defer cancel()
	c, subs, ok, err := s.Broker.Client(ctx, r.PathValue("id"))
	switch {
	case err != nil:
		failed(w, err)
		return
	case !ok:
		fail(w, http.StatusNotFound, "no such client")
		return
	}
	out := Details{Client: shown(&c), TLS: shownTLS(c.TLS), Filters: make([]Subscription, len(subs))}
	for i, sub := range subs {
		out.Filters[i] = Subscription(sub)
	}
	reply(w, http.StatusOK, out)
}

// Kicked is the answer to a DELETE.
type Kicked struct {
	Disconnected bool `json:"disconnected"`  // the client had a connection
	SessionEnded bool `json:"session_ended"` // its session was ended as asked
}

// kick ends a client's connection, with its session if that is asked for.
func (s *Server) kick(w http.ResponseWriter, r *http.Request) {
	whole, err := flag(r, "session")
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), loopsWithin)
	defer cancel()
	id := r.PathValue("id")
	c, _, known, err := s.Broker.Client(ctx, id)
	out := Kicked{Disconnected: c.Connected}
	switch {
	case err != nil:
	case !known:
		fail(w, http.StatusNotFound, "no such client")
		return
	case whole:
		out.SessionEnded, err = s.Broker.EndSession(ctx, id, mqtt.AdministrativeAction)
	default:
		out.Disconnected, err = s.Broker.Disconnect(ctx, id, mqtt.AdministrativeAction)
	}
	if err != nil {
		failed(w, err)
		return
	}
	s.Logger.Info("client disconnected by the operator", "client", id, "session", whole)
	reply(w, http.StatusOK, out)
}

// failed answers for a broker that could not.
func failed(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, engine.ErrStopped):
		fail(w, http.StatusServiceUnavailable, "the broker is starting or stopping")
	case errors.Is(err, context.DeadlineExceeded):
		fail(w, http.StatusGatewayTimeout, "an event loop did not answer in time")
	default:
		fail(w, http.StatusInternalServerError, err.Error())
	}
}

// reload reads the configuration again.
func (s *Server) reload(w http.ResponseWriter, _ *http.Request) {
	if s.Reload == nil {
		fail(w, http.StatusNotImplemented, "this broker has no configuration to read again")
		return
	}
	if err := s.Reload(); err != nil {
		fail(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	reply(w, http.StatusOK, struct{}{})
}
