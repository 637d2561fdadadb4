package openssl

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/scripts/realclients/rig"
)

func TestClientCertificates(t *testing.T) {
	t.Parallel()
	p := rig.Certificates(t)
	demands := rig.Start(t, "--listen", p.Listen("tls", "ca", "ca.crt"))
	asks := rig.Start(t, "--listen", p.Listen("tls", "ca", "ca.crt", "client_auth", "optional"))
	for _, v := range versions {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			missing := map[string]string{"TLSv1.2": "handshake failure", "TLSv1.3": "certificate required"}[v.name]
			dial(t, demands, p, v.flag).refused(t, missing)
			for _, b := range []*rig.Broker{demands, asks} {
				dial(t, b, p, append(as(p, "stranger"), v.flag)...).refused(t, "unknown ca")
				c := dial(t, b, p, append(as(p, "device-1"), v.flag)...)
				c.connect(t, t.Name())
				c.leave(t)
			}
			c := dial(t, asks, p, v.flag)
			c.connect(t, t.Name())
			c.leave(t)
		})
	}
}

// A certificate that is revoked while the broker runs: its connection ends, no new one is taken, resumed or not, and the
// other clients notice nothing.
func TestRevokedWhileTheBrokerRuns(t *testing.T) {
	t.Parallel()
	for _, how := range []struct {
		name, interval string
		reload         func(*rig.Broker)
	}{
		{"SIGHUP", "0s", (*rig.Broker).Reload},
		{"file change", "1s", func(*rig.Broker) {}},
	} {
		for _, v := range versions {
			t.Run(how.name+" "+v.name, func(t *testing.T) {
				t.Parallel()
				p := rig.OwnCertificates(t)
				b := rig.Start(t, "--listen", p.Listen("tls", "ca", "ca.crt", "crl", "crl.pem"), "--set", "tls.reload_interval="+how.interval)
				session := filepath.Join(t.TempDir(), "session")
				who := append(as(p, "device-1"), v.flag)
				stays := dial(t, b, p, append(as(p, "device-2"), v.flag)...)
				stays.connect(t, "stays")
				goes := dial(t, b, p, append(who, "-sess_out", session)...)
				goes.Type(rig.Connect(5, "goes"))
				goes.prints(t, "\x20")

				p.Revoke("device-1")
				how.reload(b)
				goes.Wait()
				if out := goes.Out(); !strings.Contains(out, "\xE0\x02\x87\x00") && !strings.Contains(out, "\xE0\x01\x87") {
					t.Errorf("the revoked client's connection ended without DISCONNECT 0x87; it printed %q", out)
				}
				dial(t, b, p, who...).refused(t, "bad certificate")
				dial(t, b, p, append(who, "-sess_in", session)...).refused(t, "bad certificate")
				if n := strings.Count(b.Log(), "reason=tls_revoked"); n != 2 {
					t.Errorf("the log has %d connections refused for a revoked certificate, want 2", n)
				}
				stays.echo(t, "still here")
				stays.leave(t)
			})
		}
	}
}
