package engine

import (
	"strings"
	"time"

	"github.com/penstock-mqtt/penstock/codec"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// ListenerStats is how one listener does. Counters begin with the broker.
type ListenerStats struct {
	Name string // as in logs: the configured one, or the URL
	URL  string // with the port that was chosen
	Kind Kind

	Connections int   // open, accepted clients or not
	Connecting  int   // those whose CONNECT is not answered
	EarlyBytes  int64 // memory for what is kept of them
	Waiting     bool  // connections wait in the backlog until there are fewer of them

	Accepted uint64            // connections handed to the loops
	Shed     uint64            // connections not taken for want of descriptors
	Refused  map[string]uint64 // connections that came to nothing before their CONNECT, or whose transport broke later, by reason

	ConnectsRefused map[string]uint64 // CONNECTs that were not accepted, by reason code
	LeftConnect     uint64            // connections that their peers ended before their CONNECT was answered
	LeftHandshake   uint64            // and before that, in the TLS handshake: mostly clients that do not trust our certificate

	Certificates  []CertificateExpiry // of tls and wss, the soonest first
	Reloads       uint64              // of certificates and what belongs to them
	ReloadsFailed uint64              // after which the old ones stayed
}

// CertificateExpiry is when a certificate, an authority or a revocation list ends.
type CertificateExpiry struct {
	File     string
	Subject  string // a revocation list's issuer
	NotAfter time.Time
}

// Listeners tells how each listener does, in the order of the configuration; nil before the broker has started. Reading it
// visits no loop.
func (b *Broker) Listeners() []ListenerStats {
	if !b.started.Load() {
		return nil
	}
	all := make([]ListenerStats, len(b.listeners))
	for i, lst := range b.listeners {
		all[i] = lst.stats()
	}
	return all
}

func (lst *listener) stats() ListenerStats {
	a := lst.acceptor.Load()
	s := ListenerStats{
		Name: lst.name, URL: lst.url, Kind: lst.kind,
		Connections: int(lst.count.Load()), Connecting: int(lst.connecting.Load()), EarlyBytes: lst.early.Load(), Waiting: lst.waiting.Load(),
		Accepted: lst.accepted.Load() + a.Accepted(), Shed: lst.shed.Load() + a.Shed(),
		Refused: map[string]uint64{}, ConnectsRefused: map[string]uint64{},
		LeftConnect: lst.left[0].Load(), LeftHandshake: lst.left[1].Load(),
		Reloads: lst.reloads.Load(), ReloadsFailed: lst.reloadsFailed.Load(),
	}
	for r := range rejections {
		if n := lst.refused[r].Load(); n > 0 {
			s.Refused[r.String()] = n
		}
	}
	for reason := range lst.connects {
		if n := lst.connects[reason].Load(); n > 0 {
			s.ConnectsRefused[mqtt.Reason(reason).String()] += n
		}
	}
	if lst.material != nil {
		for _, e := range lst.material.Expiries() {
			s.Certificates = append(s.Certificates, CertificateExpiry{File: e.File, Subject: e.Subject, NotAfter: e.At})
		}
	}
	return s
}

// countLeft counts a connection that its peer ends before its CONNECT is answered.
func (c *conn) countLeft() {
	during := 0
	if y := c.layers(); y != nil && y.TLS != nil && !y.TLS.Open() {
		during = 1
	}
	c.lst.left[during].Add(1)
}

// Rejections lists the reasons for which a listener of a kind can refuse connections: the keys that
// ListenerStats.Refused may have.
func Rejections(k Kind) (all []string) {
	secure, web := k == KindTLS || k == KindWSS, k == KindWS || k == KindWSS
	for _, cause := range codec.Causes() {
		name := cause.String()
		if strings.HasPrefix(name, "tls_") && !secure || strings.HasPrefix(name, "ws_") && !web {
			continue
		}
		all = append(all, name)
	}
	for r := rejection(firstOwn); r < rejections; r++ {
		if r == refusedBacklog && !secure && !web {
			continue // MQTT's own answers are bounded elsewhere
		}
		all = append(all, r.String())
	}
	return all
}
