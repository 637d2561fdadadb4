package openssl

import (
	"testing"

	"github.com/penstock-mqtt/penstock/scripts/realclients/rig"
)

// A renewed certificate is served without a restart; who is connected stays. Files that cannot be used change nothing.
func TestCertificateIsRenewedWhileTheBrokerRuns(t *testing.T) {
	t.Parallel()
	for _, how := range []struct {
		name, interval string
		reload         func(*rig.Broker)
		complaint      string
	}{
		{"SIGHUP", "0s", (*rig.Broker).Reload, "reload refused, nothing has changed"},
		{"file change", "1s", func(*rig.Broker) {}, "TLS material not loaded, the old one stays"},
	} {
		t.Run(how.name, func(t *testing.T) {
			t.Parallel()
			p := rig.OwnCertificates(t)
			b := rig.Start(t, "--listen", p.Listen("tls"), "--set", "tls.reload_interval="+how.interval)
			stays := dial(t, b, p)
			stays.connect(t, "stays")

			p.Renew("renewed")
			how.reload(b)
			b.AwaitLog("TLS material loaded")
			c := dial(t, b, p)
			c.prints(t, "subject=CN = renewed\n", "Verification: OK")
			c.connect(t, "after-renewal")
			c.leave(t)

			b.Excuse(how.complaint)
			p.Spoil("server.crt")
			how.reload(b)
			b.AwaitLog("it is no PEM")
			c = dial(t, b, p)
			c.prints(t, "subject=CN = renewed\n", "Verification: OK")
			c.connect(t, "after-spoiling")
			c.leave(t)
			stays.echo(t, "still here")
			stays.leave(t)
		})
	}
}
