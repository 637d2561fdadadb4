package badinput

import (
	"crypto/tls"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/internal/certs/certstest"
)

// A certificate that a reload begins to require is required of those who are there, too.
func TestClientsWithoutACertificateGoWhenOneIsRequired(t *testing.T) {
	members := certstest.NewCA(t, "members")
	ca := certstest.WriteFile(t, t.TempDir(), "members.crt", certstest.PEM(members.Cert))
	var cfg engine.Config
	s := buildWith(t, func(c *engine.Config) {
		l := listener(c, "tls")
		l.CA, l.ClientAuth = ca, engine.ClientAuthOptional
		cfg = *c
	}, engine.Parts{})
	club := &club{site: s, members: members}
	nobody := s.enter("tls", "nobody")
	member, _ := club.join(club.member("member", tls.VersionTLS13), "member")
	other := s.enter("wss", "other")

	cfg.Listeners = append([]engine.Listener(nil), cfg.Listeners...)
	listener(&cfg, "tls").ClientAuth = engine.ClientAuthRequire
	if err := s.Broker.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	var p mqtt.Disconnect
	if err := p.Decode(mqtt.Peer{Version: mqtt.V5, Server: true}, 0, want(t, nobody, mqtt.DISCONNECT)); err != nil || p.Reason != mqtt.NotAuthorized {
		t.Errorf("got %v, %v, want %v", p.Reason, err, mqtt.NotAuthorized)
	}
	s.ended("a client without a certificate", nobody)
	write(t, member, mqtt.AppendPingreq(nil))
	want(t, member, mqtt.PINGRESP)
	write(t, other, mqtt.AppendPingreq(nil))
	want(t, other, mqtt.PINGRESP)
	s.leave()
}
