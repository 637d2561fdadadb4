package engine

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/penstock-mqtt/penstock/codec"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/internal/certs"
)

// files says where the TLS material of a listener is.
func (l *Live) files(i int) certs.Files {
	lc := &l.Listeners[i]
	f := certs.Files{
		Name: lc.Title(), Cert: lc.Cert, Key: lc.Key, OCSP: lc.OCSP, CA: lc.CA, CRL: lc.CRL,
		MinVersion: tls.VersionTLS12, RequireALPN: lc.RequireALPN, WebSocket: lc.web(),
	}
	switch lc.clientAuth() {
	case ClientAuthOptional:
		f.ClientAuth = certs.Optional
	case ClientAuthRequire:
		f.ClientAuth = certs.Require
	}
	if l.minTLS(i) == TLS13 {
		f.MinVersion = tls.VersionTLS13
	}
	return f
}

// reloadMaterial reads the TLS material of all listeners anew: all of it, or nothing changes.
func (b *Broker) reloadMaterial(live *Live) error {
	b.reloading.Lock()
	defer b.reloading.Unlock()
	for i, lst := range b.listeners {
		if lst.material != nil {
			if _, err := certs.Load(live.files(i)); err != nil {
				lst.reloadsFailed.Add(1)
				return fmt.Errorf("listeners.%d: %w", i, err)
			}
		}
	}
	var failed error
	for i, lst := range b.listeners {
		if lst.material != nil {
			if err := b.reloadOne(lst, live.files(i)); err != nil {
				failed = errors.Join(failed, fmt.Errorf("listeners.%d: %w", i, err)) // it changed in between
			}
		}
	}
	return failed
}

func (b *Broker) reloadOne(lst *listener, f certs.Files) error {
	trust, err := lst.material.Reload(f)
	if err != nil {
		lst.reloadsFailed.Add(1)
		return err
	}
	lst.reloads.Add(1)
	lst.files.Store(&f)
	b.log.Info("TLS material loaded", "listener", lst.name, "client_trust_changed", trust)
	b.warnOfExpiry(lst, time.Now())
	if trust {
		lst.trust.Add(1) // before the loops look: a handshake that ends behind the look is told by it
		b.recheck(lst)
	}
	return nil
}

// watchMaterial looks after the TLS material while the broker runs: files that change, ticket keys that grow old,
// certificates that are about to expire.
func (b *Broker) watchMaterial() {
	warn := time.Now()
	for {
		live := b.live.Load()
		every := live.TLS.ReloadInterval
		if every <= 0 {
			every = time.Minute // for the keys
		}
		timer := time.NewTimer(every)
		select {
		case <-timer.C:
		case <-b.ctx.Done():
			timer.Stop()
			return
		}
		now := time.Now()
		for _, lst := range b.listeners {
			if lst.material == nil {
				continue
			}
			lst.material.Rotate(now, live.TLS.TicketRotation)
			if live.TLS.ReloadInterval > 0 && lst.material.Changed() {
				b.reloading.Lock() // not beside a reload of everything
				err := b.reloadOne(lst, *lst.files.Load())
				b.reloading.Unlock()
				if err != nil {
					b.log.Error("TLS material not loaded, the old one stays", "listener", lst.name, "err", err)
				}
			}
			if now.Sub(warn) >= 24*time.Hour {
				b.warnOfExpiry(lst, now)
			}
		}
		if now.Sub(warn) >= 24*time.Hour {
			warn = now
		}
	}
}

// expiryWarning is how long before its end a certificate is warned about.
const expiryWarning = 30 * 24 * time.Hour

func (b *Broker) warnOfExpiry(lst *listener, now time.Time) {
	for _, e := range lst.material.Expiries() {
		left := e.At.Sub(now)
		switch {
		case left <= 0:
			b.log.Warn("expired", "listener", lst.name, "file", e.File, "subject", e.Subject, "at", e.At)
		case left < expiryWarning:
			b.log.Warn("expires soon", "listener", lst.name, "file", e.File, "subject", e.Subject, "at", e.At, "days", int(left.Hours()/24))
		}
	}
}

// stillTrusts tells whether what a client has presented would be accepted now; what speaks against it is a fault like that
// of a handshake.
func (lst *listener) stillTrusts(chain []*x509.Certificate) error {
	err := lst.material.Verify(chain)
	if err == nil {
		return nil
	}
	cause := codec.TLSCertificate
	if e, ok := errors.AsType[*certs.VerifyError](err); ok && e.Revoked {
		cause = codec.TLSRevoked
	}
	return &codec.Fault{Cause: cause, Err: err}
}

// presented is a connection with the certificates its client came with, if any.
type presented struct {
	idx   uint32
	gen   uint16
	chain []*x509.Certificate
}

// recheck disconnects the clients of a listener whose certificates would not be accepted any more. Loops only gather and
// disconnect: to verify is too much for them.
func (b *Broker) recheck(lst *listener) {
	for _, l := range b.loops {
		l.post(func(l *loop) {
			list := l.presentedTo(lst)
			if len(list) > 0 && !b.offload.Submit(func() { l.reverify(lst, list) }) {
				go l.reverify(lst, list) // a revocation is not to wait for a free worker
			}
		})
	}
}

// presentedTo gathers the connections of a listener with what they presented; those without a certificate, if there must
// be one now.
func (l *loop) presentedTo(lst *listener) (list []presented) {
	required := lst.files.Load().ClientAuth == certs.Require
	for i := range l.connCount {
		s := l.connAt(i)
		if s.c == nil || s.c.lst != lst {
			continue
		}
		if y := s.c.layers(); y != nil && y.TLS != nil && y.TLS.Open() {
			if chain := y.TLS.State().PeerCertificates; len(chain) > 0 || required {
				list = append(list, presented{i, s.gen, chain})
			}
		}
	}
	return list
}

// subject and serial are for the log.
func (p presented) subject() (subject, serial string) {
	if len(p.chain) == 0 {
		return "", ""
	}
	return p.chain[0].Subject.String(), p.chain[0].SerialNumber.String()
}

func (l *loop) reverify(lst *listener, list []presented) {
	bad := slices.DeleteFunc(list, func(p presented) bool { return lst.material.Verify(p.chain) == nil })
	if len(bad) == 0 {
		return
	}
	l.post(func(l *loop) {
		for _, p := range bad {
			s := l.connAt(p.idx)
			if s.c == nil || s.gen != p.gen || s.c.state >= draining {
				continue
			}
			subject, serial := p.subject()
			l.log.Info("client certificate not accepted any more", "listener", lst.name, "client", s.c.clientID(), "remote", s.c.remote(),
				"subject", subject, "serial", serial)
			if s.c.state == connected {
				s.c.disconnect(mqtt.NotAuthorized)
			} else {
				s.c.refuse(mqtt.NotAuthorized, "")
			}
		}
	})
}
