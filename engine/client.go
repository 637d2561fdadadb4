package engine

import (
	"cmp"
	"context"
	"crypto/tls"
	"slices"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/auth"
	"github.com/penstock-mqtt/penstock/fanout"
	"github.com/penstock-mqtt/penstock/trie"
)

// ClientSubscription is one subscription of a client.
type ClientSubscription struct {
	Filter            string // as the broker knows it: with $share/name/ and the mountpoint
	QoS               uint8
	NoLocal           bool
	RetainAsPublished bool
	Identifier        uint32 // Subscription Identifier; 0: none
}

// ClientTLS is what a client's TLS handshake has agreed on.
type ClientTLS struct {
	Version, Cipher string            // as in "TLS 1.3", "TLS_AES_128_GCM_SHA256", or in the proxy's words
	ServerName      string            // SNI; empty: the client named none
	Protocol        string            // ALPN; empty: none
	Resumed         bool              // it took up an earlier session
	ByProxy         bool              // the client's TLS ends at a trusted proxy, which said Version and Cipher
	Certificate     *auth.Certificate // the client's, verified; nil: none
}

// maxListed bounds what one visit to a loop lists of a client's subscriptions.
const maxListed = 1000

// Client describes one client with its subscriptions, the first thousand of them, ordered by filter. ok tells whether
// there is one: a session that is just moving between loops counts as none.
func (b *Broker) Client(ctx context.Context, clientID string) (c Client, subs []ClientSubscription, ok bool, err error) {
	err = b.visit(ctx, clientID, func(l *loop, s *sess) {
		if c, ok = l.describe(s), true; s.conn != nil {
			c.TLS = s.conn.describeTLS()
		}
		subs = l.subscriptionsOf(s)
	})
	if err != nil {
		return Client{}, nil, false, err // the visit may be going on
	}
	slices.SortFunc(subs, func(x, y ClientSubscription) int { return cmp.Compare(x.Filter, y.Filter) })
	return c, subs, ok, nil
}

// describeTLS says what is known of a client's TLS; nil: it has none.
func (c *conn) describeTLS() (d *ClientTLS) {
	y := c.layers()
	if y == nil {
		return nil
	}
	if y.TLS != nil {
		state := y.TLS.State()
		d = &ClientTLS{
			Version: tls.VersionName(state.Version), Cipher: tls.CipherSuiteName(state.CipherSuite),
			ServerName: state.ServerName, Protocol: state.NegotiatedProtocol, Resumed: state.DidResume,
		}
		if peers := state.PeerCertificates; len(peers) > 0 {
			d.Certificate = certificate(peers[0])
		}
	}
	if y.proxied != nil && y.proxied.tls != nil {
		said := y.proxied.tls
		if d == nil {
			d = &ClientTLS{Version: said.Version, Cipher: said.Cipher, ByProxy: true}
		}
		if d.Certificate == nil && said.Verified {
			d.Certificate = &auth.Certificate{CommonName: said.CommonName, ByProxy: true}
		}
	}
	return d
}

func (l *loop) subscriptionsOf(s *sess) (list []ClientSubscription) {
	s.Subs.Each(func(h trie.Handle) {
		if len(list) == maxListed {
			return
		}
		if filter, sub, ok := l.b.index.Get(h, s.Slot, nil); ok {
			list = append(list, described(string(filter), fanout.TargetOf(sub)))
		}
	})
	for name := range s.Subs.Shared() {
		if len(list) == maxListed {
			break
		}
		if g := l.b.groups.Named(name); g != nil {
			if t, ok := g.Member(s.Slot); ok {
				list = append(list, described(name, t))
			}
		}
	}
	return list
}

func described(filter string, t fanout.Target) ClientSubscription {
	return ClientSubscription{
		Filter: filter, QoS: t.QoS, Identifier: t.ID,
		NoLocal: t.Flags&fanout.NoLocal != 0, RetainAsPublished: t.Flags&fanout.RetainAsPublished != 0,
	}
}

// EndSession ends a client's session for good, and its connection with a reason. It tells whether there was one.
func (b *Broker) EndSession(ctx context.Context, clientID string, reason mqtt.Reason) (bool, error) {
	ended := false
	err := b.visit(ctx, clientID, func(l *loop, s *sess) {
		ended = true
		if s.conn == nil {
			l.endSession(s, true)
			return
		}
		s.Expiry = 0
		s.conn.disconnect(reason)
	})
	return ended && err == nil, err
}

// visit runs f on the loop that has the session of a client, if any has it.
func (b *Broker) visit(ctx context.Context, clientID string, f func(l *loop, s *sess)) error {
	if !b.started.Load() {
		return ErrStopped
	}
	for {
		slot, home, ok := b.directory.lookup(clientID)
		if !ok {
			return nil
		}
		moved := false
		err := b.run(ctx, b.loops[home], func(l *loop) error {
			if s := l.session(slot); s != nil && s.ClientID == clientID && l.pending[slot] == nil {
				f(l, s)
				return nil
			}
			_, now, ok := b.directory.lookup(clientID)
			moved = ok && now != home
			return nil
		})
		if err != nil || !moved {
			return err
		}
	}
}
