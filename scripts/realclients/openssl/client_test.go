// Package openssl tests TLS with openssl's own client against penstock: MQTT goes through s_client by hand.
package openssl

import (
	"slices"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/scripts/realclients/rig"
)

// client is an s_client. It takes a letter that stands first in what it reads for a command; no packet that the tests send
// begins with one.
type client struct{ *rig.Process }

// dial starts an s_client towards a tls listener, which checks the server's certificate.
func dial(t *testing.T, b *rig.Broker, p rig.PKI, args ...string) client {
	t.Helper()
	all := slices.Concat([]string{"s_client", "-connect", b.At("tls"), "-CAfile", p.File("ca.crt"), "-verify_return_error"}, args)
	return client{rig.Spawn(t, rig.Command{Name: "openssl", Args: all, Typed: true})}
}

// as are the arguments of a client with a certificate.
func as(p rig.PKI, name string) []string {
	return []string{"-cert", p.File(name + ".crt"), "-key", p.File(name + ".key")}
}

// prints waits for all of these texts.
func (c client) prints(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		c.Await(text, func(out string) bool { return strings.Contains(out, text) })
	}
}

// connect is let in and subscribes to everything.
func (c client) connect(t *testing.T, id string) {
	t.Helper()
	c.Type(rig.Connect(4, id))
	c.prints(t, rig.Connack)
	c.Type(rig.Subscribe("#"))
	c.prints(t, rig.Suback)
}

// echo publishes a message and waits for it to come back.
func (c client) echo(t *testing.T, payload string) {
	t.Helper()
	c.Type(rig.Publish("echo", payload))
	c.prints(t, rig.Publish("echo", payload))
}

// leave ends the connection in order.
func (c client) leave(t *testing.T) {
	t.Helper()
	c.Hangup()
	if code := c.Wait(); code != 0 {
		t.Errorf("s_client: exit code %d, want 0; stderr %q", code, c.Err())
	}
}

// refused waits for the end of a client that must be told by an alert why.
func (c client) refused(t *testing.T, alert string) {
	t.Helper()
	if code := c.Wait(); code == 0 || !strings.Contains(c.Err(), "alert "+alert) {
		t.Errorf("s_client: exit code %d, stderr\n%s\nwant a failure by alert %s", code, c.Err(), alert)
	}
}

// versions are those of TLS, as s_client's arguments and output name them.
var versions = []struct{ name, flag string }{{"TLSv1.2", "-tls1_2"}, {"TLSv1.3", "-tls1_3"}}
