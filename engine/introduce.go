package engine

import (
	"crypto/sha256"
	"crypto/x509"
	"net/netip"

	"github.com/penstock-mqtt/penstock/engine/auth"
)

func (c *conn) remote() netip.AddrPort {
	if y := c.layers(); y != nil && y.proxied != nil {
		return y.proxied.remote
	}
	return c.nc.RemoteAddr()
}

func (c *conn) local() netip.AddrPort {
	if y := c.layers(); y != nil && y.proxied != nil {
		return y.proxied.local
	}
	return c.nc.LocalAddr()
}

// introduce puts into a request what the stages have learned of the client, and lets go of it.
func (c *conn) introduce(r *auth.Request) {
	r.Transport, r.Remote, r.Local = string(c.lst.kind), c.remote(), c.local()
	y := c.layers()
	if y == nil {
		return
	}
	if p := y.proxied; p != nil {
		if r.Proxied, r.Proxy = true, c.nc.RemoteAddr(); p.tls != nil && p.tls.Verified {
			r.Certificate = &auth.Certificate{CommonName: p.tls.CommonName, ByProxy: true}
		}
	}
	if y.TLS != nil {
		if peers := y.TLS.State().PeerCertificates; len(peers) > 0 {
			r.Certificate = certificate(peers[0])
		}
	}
	if y.WS != nil {
		if q := y.WS.Request(); q != nil {
			r.HTTP = &auth.HTTP{Path: q.Path, Query: q.RawQuery, Host: q.Host, Header: q.Header}
		}
		y.WS.Forget()
	}
}

// certificate is what authenticators want to know of a client's certificate.
func certificate(x *x509.Certificate) *auth.Certificate {
	a := &auth.Certificate{
		CommonName: x.Subject.CommonName, Subject: x.Subject.String(), Issuer: x.Issuer.String(), Serial: x.SerialNumber.String(),
		DNS: x.DNSNames, Email: x.EmailAddresses, Fingerprint: sha256.Sum256(x.Raw), NotAfter: x.NotAfter,
	}
	for _, u := range x.URIs {
		a.URI = append(a.URI, u.String())
	}
	for _, ip := range x.IPAddresses {
		if at, ok := netip.AddrFromSlice(ip); ok {
			a.IP = append(a.IP, at.Unmap())
		}
	}
	return a
}
