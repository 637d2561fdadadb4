package admin

import (
	"strings"

	"github.com/penstock-mqtt/penstock/engine"
)

// Families by listener.
var (
	listenerConnections = gauge("listener_connections", "Open connections of the listener, of accepted clients or not.", "listener")
	listenerConnecting  = gauge("listener_connecting", "Connections whose CONNECT is not answered.", "listener")
	listenerEarlyBytes  = gauge("listener_early_bytes", "Bytes kept of connections whose CONNECT is not answered.", "listener")
	listenerWaiting     = gauge("listener_waiting", "1: connections wait in the backlog, because too many have no answer to their CONNECT.", "listener")
	listenerAccepted    = counter("listener_accepted", "Connections handed to the event loops.", "listener")
	listenerShed        = counter("listener_shed", "Connections closed at once for want of descriptors.", "listener")
	listenerRefused     = counter("listener_refused", "Connections that came to nothing before their CONNECT, or whose transport broke later.", "listener", "reason")
	listenerConnects    = counter("listener_connects_refused", "CONNECT packets that were not accepted.", "listener", "reason")
	listenerLeft        = counter("listener_left", "Connections that their peers ended before their CONNECT was answered, or in the TLS handshake.", "listener", "during")

	certificateExpiry = gauge("tls_certificate_expiry_timestamp_seconds", "When a certificate, an authority or a revocation list ends, in seconds since 1970.", "listener", "file", "subject")
	reloads           = counter("tls_reloads", "Readings of the listener's certificates, keys, authorities and revocation lists since the start; after one that failed the old ones stay.", "listener", "result")
)

// Families of all TLS handshakes.
var (
	handshakesPending = gauge("tls_handshakes_pending", "TLS handshakes on their way, and those that wait for their turn.", "state")
	handshakes        = counter("tls_handshakes", "TLS handshakes that have ended: full ones, those that took up an earlier session, and those that failed.", "result")
)

func (out sink) handshakes(s *engine.Stats) {
	out.put(handshakesPending, float64(s.HandshakesActive), "active")
	out.put(handshakesPending, float64(s.HandshakesWaiting), "waiting")
	out.put(handshakes, float64(s.HandshakesFull), "full")
	out.put(handshakes, float64(s.HandshakesResumed), "resumed")
	out.put(handshakes, float64(s.HandshakesFailed), "failed")
}

func (out sink) listener(l *engine.ListenerStats) {
	name := label(l.Name)
	out.put(listenerConnections, float64(l.Connections), name)
	out.put(listenerConnecting, float64(l.Connecting), name)
	out.put(listenerEarlyBytes, float64(l.EarlyBytes), name)
	waiting := 0.
	if l.Waiting {
		waiting = 1
	}
	out.put(listenerWaiting, waiting, name)
	out.put(listenerAccepted, float64(l.Accepted), name)
	out.put(listenerShed, float64(l.Shed), name)
	for _, reason := range engine.Rejections(l.Kind) { // those that never happened, too: a rate needs a beginning
		out.put(listenerRefused, float64(l.Refused[reason]), name, reason)
	}
	out.put(listenerLeft, float64(l.LeftConnect), name, "connect")
	if len(l.Certificates) > 0 {
		out.put(listenerLeft, float64(l.LeftHandshake), name, "handshake")
	}
	for reason, n := range l.ConnectsRefused {
		out.put(listenerConnects, float64(n), name, reason)
	}
	if len(l.Certificates) == 0 {
		return
	}
	out.put(reloads, float64(l.Reloads), name, "done")
	out.put(reloads, float64(l.ReloadsFailed), name, "failed")
	type key struct{ file, subject string }
	told := map[key]bool{} // a file may hold an authority twice, the old one and the new: the sooner end counts, they are in order
	for _, c := range l.Certificates {
		k := key{label(c.File), label(c.Subject)}
		if !told[k] {
			told[k] = true
			out.put(certificateExpiry, float64(c.NotAfter.Unix()), name, k.file, k.subject)
		}
	}
}

// label makes a label of a name from outside, which may not be UTF-8: one that is not would fail the whole scrape.
func label(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
