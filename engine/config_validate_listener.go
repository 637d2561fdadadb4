package engine

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/penstock-mqtt/penstock/codec"
)

const (
	maxKeepIdle    = 32767                          // seconds: what the kernel takes for TCP_KEEPIDLE
	maxUserTimeout = (1<<31 - 1) * time.Millisecond // what it takes for TCP_USER_TIMEOUT
)

func (c *Config) checkListeners(k *checker) {
	if len(c.Listeners) == 0 {
		k.fail("listeners", "must hold at least one listener")
	}
	titles, addresses := map[string]bool{}, map[string]bool{}
	for i, l := range c.Listeners {
		at := "listeners." + strconv.Itoa(i)
		l.check(k, at)
		if !l.anyPort() {
			if addresses[l.Address] {
				k.fail(at+".address", fmt.Sprintf("must be unique: another listener is on %q", l.Address))
			}
			addresses[l.Address] = true
		} else if l.Name == "" {
			continue // each gets a port, and so a URL, of its own
		}
		if titles[l.Title()] {
			k.fail(at+".name", fmt.Sprintf("must be unique: another listener is %q", l.Title()))
		}
		titles[l.Title()] = true
	}
}

// check begins with what the kind and the address are; the rest is told in the order of the fields.
func (l Listener) check(k *checker, at string) {
	if _, _, err := kindOf(string(l.kind())); err != nil {
		k.fail(at+".kind", err.Error())
	}
	checkAt := checkAddress
	if l.kind() == KindUnix {
		checkAt = checkSocketPath
	}
	k.wrong(at+".address", checkAt(l.Address))
	l.checkPlaces(k, at)
	for i, v := range l.Versions {
		if v < 3 || v > 5 || slices.Contains(l.Versions[:i], v) {
			k.fail(at+".versions", fmt.Sprintf("must be a choice of 3, 4 and 5, is %v", l.Versions))
		}
	}
	if !mountable(l.Mountpoint) {
		k.fail(at+".mountpoint", fmt.Sprintf("must be the beginning of a topic name, without wildcards and not of $-topics, is %q", l.Mountpoint))
	}
	if l.Auth != "" {
		oneOf(k, at+".auth", l.Auth, AnonymousLoopback, AnonymousAlways, AnonymousNever)
	}
	k.number(at+".max_connections", l.MaxConnections, 0, maxInt)
	k.number(at+".max_connection_rate", l.MaxConnectionRate, 0, maxInt)
	k.number(at+".max_connecting", l.MaxConnecting, 0, maxInt)
	k.number(at+".max_connecting_per_address", l.MaxConnectingPerAddress, 0, maxInt)
	l.checkProxy(k, at+".proxy")
	k.seconds(at+".tcp_keep_alive", l.TCPKeepAlive, maxKeepIdle)
	if d := l.TCPUserTimeout; d < 0 || d > maxUserTimeout || d%time.Millisecond != 0 {
		k.fail(at+".tcp_user_timeout", fmt.Sprintf("must be whole milliseconds from 0 to %s, is %s", maxUserTimeout, d))
	}
	_, err := parseMode(l.Mode)
	k.wrong(at+".mode", err)
	l.checkTLS(k, at)
	k.wrong(at+".path", checkPath(l.path()))
	if _, err := codec.ParseOrigins(l.Origins); err != nil {
		k.fail(at+".origins", "has "+err.Error())
	}
}

// checkPlaces refuses keys that mean nothing to the kind: whoever wrote one believes that it does something.
func (l Listener) checkPlaces(k *checker, at string) {
	const (
		noCert = "only tls and wss listeners have certificates"
		noTLS  = "only tls and wss listeners speak TLS"
		noWeb  = "only ws and wss listeners speak WebSocket"
		noMode = "only unix listeners have a permission"
		noTCP  = "unix listeners do not speak TCP"
	)
	secure, web, local := l.secure(), l.web(), l.kind() == KindUnix
	for _, f := range []struct {
		key       string
		set, fits bool
		problem   string
	}{
		{"cert", len(l.Cert) > 0, secure, noCert},
		{"key", len(l.Key) > 0, secure, noCert},
		{"ocsp", len(l.OCSP) > 0, secure, noCert},
		{"ca", l.CA != "", secure, noCert},
		{"crl", l.CRL != "", secure, noCert},
		{"client_auth", l.ClientAuth != "", secure, noCert},
		{"min_tls", l.MinTLS != "", secure, noTLS},
		{"require_alpn", l.RequireALPN, secure, noTLS},
		{"path", l.Path != "", web, noWeb},
		{"origins", len(l.Origins) > 0, web, noWeb},
		{"mode", l.Mode != "", local, noMode},
		{"nagle", l.Nagle, !local, noTCP},
		{"tcp_keep_alive", l.TCPKeepAlive != 0, !local, noTCP},
		{"tcp_user_timeout", l.TCPUserTimeout != 0, !local, noTCP},
	} {
		if f.set && !f.fits {
			k.fail(at+"."+f.key, f.problem+": this one is "+string(l.kind()))
		}
	}
}

func (l Listener) checkProxy(k *checker, field string) {
	networks, unix, err := parseProxy(l.Proxy)
	k.wrong(field, err)
	if unix && l.kind() != KindUnix {
		k.fail(field, fmt.Sprintf("has unix, which is for unix listeners: this one is %s", l.kind()))
	}
	if len(networks) > 0 && l.kind() == KindUnix {
		k.fail(field, fmt.Sprintf("has %s, but peers of a unix socket have no address: unix stands for them", networks[0]))
	}
}

// checkTLS looks at the names of files only: certs reads them, and says what is wrong inside.
func (l Listener) checkTLS(k *checker, at string) {
	if !l.secure() {
		return // checkPlaces has seen that there is nothing
	}
	if len(l.Cert) == 0 {
		k.fail(at+".cert", fmt.Sprintf("must name a PEM file: a %s listener has a certificate", l.kind()))
	}
	if len(l.Key) != len(l.Cert) {
		k.fail(at+".key", fmt.Sprintf("must name as many files as cert, %d, has %d", len(l.Cert), len(l.Key)))
	}
	if slices.Contains(l.Cert, "") {
		k.fail(at+".cert", "has an empty file name")
	}
	if slices.Contains(l.Key, "") {
		k.fail(at+".key", "has an empty file name")
	}
	if len(l.OCSP) > len(l.Cert) {
		k.fail(at+".ocsp", fmt.Sprintf("must name no more files than cert, %d, has %d", len(l.Cert), len(l.OCSP)))
	}
	if l.CRL != "" && l.CA == "" {
		k.fail(at+".crl", "needs ca: it lists what the authorities of client certificates have revoked")
	}
	if l.ClientAuth != "" {
		oneOf(k, at+".client_auth", l.ClientAuth, ClientAuthNone, ClientAuthOptional, ClientAuthRequire)
	}
	switch {
	case l.ClientAuth == ClientAuthNone && l.CA != "":
		k.fail(at+".client_auth", "must not be none where there is a ca: clients would seem to be checked that are not")
	case l.clientAuth() != ClientAuthNone && l.CA == "":
		k.fail(at+".client_auth", fmt.Sprintf("needs ca, the authorities of client certificates, to be %s", l.ClientAuth))
	}
	if l.MinTLS != "" {
		oneOf(k, at+".min_tls", l.MinTLS, TLS12, TLS13)
	}
}

// mountable reports whether a prefix can stand before any topic name or filter. A mountpoint that begins with $ would
// hide its topics from filters that begin with a wildcard, or reach into $SYS and $share.
func mountable(prefix string) bool {
	return utf8.ValidString(prefix) && !strings.ContainsAny(prefix, "+#\x00") && !strings.HasPrefix(prefix, "$") && len(prefix) <= 1024
}
