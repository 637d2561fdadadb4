package main

import (
	"fmt"
	"io"
	"time"

	"github.com/penstock-mqtt/penstock/engine/plugin/admin"
)

// origin is where a client comes from, and by which proxy.
func origin(c *admin.Client) string {
	from := c.Remote
	if from == "" {
		from = "this machine"
		if c.Proxy != "" {
			from = "an address that is not known"
		}
	}
	if c.Proxy != "" {
		from += " via proxy " + c.Proxy
	}
	return from
}

// printTLS prints what is known of a client's TLS, if it has any.
func printTLS(w io.Writer, d *admin.TLSDetails) {
	if d == nil {
		return
	}
	fmt.Fprintf(w, "TLS\t%s, %s", shown(d.Version), shown(d.Cipher))
	if d.Resumed {
		fmt.Fprint(w, ", resumed")
	}
	if d.ByProxy {
		fmt.Fprint(w, ", up to the proxy")
	}
	fmt.Fprintln(w)
	if d.ServerName != "" || d.Protocol != "" {
		fmt.Fprintf(w, "\tserver name %s, protocol %s\n", shown(d.ServerName), shown(d.Protocol))
	}
	x := d.Certificate
	switch {
	case x == nil:
	case x.ByProxy:
		fmt.Fprintf(w, "certificate\t%s, accepted by the proxy\n", shown(x.CommonName))
	default:
		fmt.Fprintf(w, "certificate\t%s, of %s\n", shown(x.CommonName), shown(x.Issuer))
		if x.NotAfter != nil {
			fmt.Fprintf(w, "\tends %s\n", end(*x.NotAfter, time.Now()))
		}
		fmt.Fprintf(w, "\tSHA-256 %s\n", x.Fingerprint)
	}
}
