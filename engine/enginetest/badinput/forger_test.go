package badinput

import (
	"crypto/tls"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/codectest"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
)

// forge shakes hands on the connection. What is written from now on are the forger's records.
func forge(t *testing.T, s *site, c *rig.Conn) *codectest.Forger {
	t.Helper()
	var keys strings.Builder
	cfg := s.trusting()
	cfg.MinVersion, cfg.KeyLogWriter = tls.VersionTLS13, &keys
	over, err := c.Secure(cfg)
	if err != nil {
		t.Fatal(err)
	}
	f, err := codectest.NewForger(over.ConnectionState(), keys.String())
	if err != nil {
		t.Fatal(err)
	}
	return f
}
