package admin

import (
	"net/http"
	"time"
)

// Listeners is all listeners, in the order of the configuration, and the TLS handshakes of all of them.
type Listeners struct {
	Listeners  []Listener `json:"listeners"`
	Handshakes Handshakes `json:"handshakes"`
}

// Listener is one listener. Counters begin with the broker.
type Listener struct {
	Name string `json:"name"`
	URL  string `json:"url"`
	Kind string `json:"kind"` // "tcp", "tls", "ws", "wss" or "unix"

	Connections int   `json:"connections"`   // open, of accepted clients or not
	Connecting  int   `json:"connecting"`    // of these, those whose CONNECT is not answered
	EarlyBytes  int64 `json:"early_bytes"`   // kept of them
	Waiting     bool  `json:"backlog_waits"` // connections wait until there are fewer of them

	Accepted uint64            `json:"accepted"`
	Shed     uint64            `json:"shed"`    // closed at once for want of descriptors
	Refused  map[string]uint64 `json:"refused"` // by reason; those that happened, before a CONNECT or when the transport broke later

	ConnectsRefused map[string]uint64 `json:"connects_refused"`         // by reason code
	LeftConnect     uint64            `json:"left_connect"`             // ended by their peers before their CONNECT was answered
	LeftHandshake   uint64            `json:"left_handshake,omitempty"` // and before that, in the TLS handshake

	Certificates  []Certificate `json:"certificates,omitempty"` // authorities and revocation lists among them, the soonest first
	Reloads       uint64        `json:"reloads,omitempty"`
	ReloadsFailed uint64        `json:"reloads_failed,omitempty"`
}

// Certificate is when a certificate, an authority or a revocation list ends.
type Certificate struct {
	File     string    `json:"file"`
	Subject  string    `json:"subject"`
	NotAfter time.Time `json:"not_after"`
}

// Handshakes are those of TLS.
type Handshakes struct {
	Active  int    `json:"active"`
	Waiting int    `json:"waiting"` // for their turn
	Full    uint64 `json:"full"`
	Resumed uint64 `json:"resumed"` // that took up an earlier session
	Failed  uint64 `json:"failed"`
}

func (s *Server) listeners(w http.ResponseWriter, _ *http.Request) {
	stats := s.Broker.Stats()
	out := Listeners{Listeners: []Listener{}, Handshakes: Handshakes{
		Active: stats.HandshakesActive, Waiting: stats.HandshakesWaiting,
		Full: stats.HandshakesFull, Resumed: stats.HandshakesResumed, Failed: stats.HandshakesFailed,
	}}
	for _, l := range s.Broker.Listeners() {
		shown := Listener{
			Name: l.Name, URL: l.URL, Kind: string(l.Kind),
			Connections: l.Connections, Connecting: l.Connecting, EarlyBytes: l.EarlyBytes, Waiting: l.Waiting,
			Accepted: l.Accepted, Shed: l.Shed, Refused: l.Refused, ConnectsRefused: l.ConnectsRefused,
			LeftConnect: l.LeftConnect, LeftHandshake: l.LeftHandshake, Reloads: l.Reloads, ReloadsFailed: l.ReloadsFailed,
		}
		for _, c := range l.Certificates {
			shown.Certificates = append(shown.Certificates, Certificate(c))
		}
		out.Listeners = append(out.Listeners, shown)
	}
	reply(w, http.StatusOK, out)
}
