package badinput

import (
	"crypto/tls"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/internal/certs/certstest"
)

// Certificates that take more than is kept of a handshake at once are read in turns. crypto/tls takes 256 KB of them.
func TestLongChainsOfCertificatesAreReadOn(t *testing.T) {
	c := found(t)
	useless := certstest.NewCA(t, "of no use here").Cert.Raw
	for name, version := range map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13} {
		long := c.member(name, version)
		long.ClientSessionCache = nil // a ticket of so much would be too long
		chain := &long.Certificates[0].Certificate
		for len(*chain)*len(useless) < 200<<10 {
			*chain = append(*chain, useless)
		}
		c.join(long, name)
	}
	c.leave()
}
