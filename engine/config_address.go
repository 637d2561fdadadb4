package engine

import (
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// checkAddress says what is wrong with a host:port, or nothing.
func checkAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("must be host:port, is %q", address)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return fmt.Errorf("must end in a port from 0 to 65535, is %q", address)
	}
	if strings.Contains(host, ":") {
		if addr, err := netip.ParseAddr(host); err != nil || !isHostname(addr.Zone()) {
			return fmt.Errorf("has no valid IPv6 address: %q", address)
		}
	} else if !isHostname(host) {
		return fmt.Errorf("has no valid host: %q", address)
	}
	return nil
}

// isHostname reports whether s holds only what names of hosts and interfaces are made of.
func isHostname(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(".-_", r))
	})
}

// maxSocketPath is how long the path of a unix socket may be: the kernel has 108 bytes for it, and ends it with a zero.
const maxSocketPath = 107

// checkSocketPath says what is wrong with the path of a unix socket, or nothing. One form of a path only, so that two
// listeners cannot name the same socket in two ways; absolute, since the next process may start in another directory.
func checkSocketPath(p string) error {
	switch {
	case strings.HasPrefix(p, "@") || strings.HasPrefix(p, "\x00"):
		return fmt.Errorf("must be a path: an abstract socket (%q) has no permissions", p)
	case !strings.HasPrefix(p, "/") || p == "/" || path.Clean(p) != p || strings.Contains(p, "\x00"):
		return fmt.Errorf("must be an absolute path without . and .. and doubled slashes, as in /run/penstock.sock, is %q", p)
	case len(p) > maxSocketPath:
		return fmt.Errorf("must be a path of at most %d bytes, has %d: %q", maxSocketPath, len(p), p)
	}
	return nil
}

// defaultMode lets the broker's user and group use a unix socket.
const defaultMode fs.FileMode = 0o660

// parseMode reads the permission of a unix socket, in octal; empty is the default.
func parseMode(text string) (fs.FileMode, error) {
	if text == "" {
		return defaultMode, nil
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(text, "0o"), 8, 32)
	if err != nil || n > 0o777 {
		return 0, fmt.Errorf("must be a permission in octal, up to 0777, is %q", text)
	}
	return fs.FileMode(n), nil
}

// checkPath says what is wrong with the path of WebSocket requests, or nothing. What a URL would escape could be written
// in two ways by clients, of which one would not be found.
func checkPath(p string) error {
	if !strings.HasPrefix(p, "/") || (&url.URL{Path: p}).EscapedPath() != p {
		return fmt.Errorf("must begin with / and hold nothing that is escaped in a URL, is %q", p)
	}
	return nil
}

// proxyUnix stands for the peers of a unix socket in a list of proxies.
const proxyUnix = "unix"

// parseProxy reads who is trusted to send a PROXY header: networks, single addresses, and whether peers of a unix socket.
func parseProxy(entries []string) (networks []netip.Prefix, unix bool, err error) {
	for _, entry := range entries {
		if entry == proxyUnix {
			unix = true
			continue
		}
		p, err := parseNetwork(entry)
		if err != nil {
			return nil, false, err
		}
		networks = append(networks, p)
	}
	return networks, unix, nil
}

// parseNetwork reads 10.0.0.0/8 or a plain address. IPv4 written as IPv6 becomes IPv4, as peers are compared.
func parseNetwork(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if addr, e := netip.ParseAddr(text); e == nil && addr.Zone() == "" {
		p, err = netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	if err != nil {
		return p, fmt.Errorf("must be networks such as 10.0.0.0/8, addresses or unix, has %q", text)
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	if p != p.Masked() { // who trusts a network says which one
		return p, fmt.Errorf("has %q, whose address goes beyond its length: the network is %s", text, p.Masked())
	}
	return p, nil
}
