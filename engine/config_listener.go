package engine

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// kinds are the listener kinds with the port a URL without one means.
var kinds = []struct {
	kind Kind
	port string
}{
	{KindTCP, "1883"},
	{KindTLS, "8883"},
	{KindWS, "8083"},
	{KindWSS, "8084"},
	{KindUnix, ""},
}

func kindNames() string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = string(k.kind)
	}
	return strings.Join(names, ", ")
}

func kindOf(scheme string) (kind Kind, port string, err error) {
	for _, k := range kinds {
		if string(k.kind) == scheme {
			return k.kind, k.port, nil
		}
	}
	return "", "", fmt.Errorf("unknown kind %q (known: %s)", scheme, kindNames())
}

// Title is the listener's name, or its URL when it has none.
func (l Listener) Title() string {
	if l.Name != "" {
		return l.Name
	}
	return l.URL()
}

func (l Listener) kind() Kind {
	if l.Kind == "" {
		return KindTCP
	}
	return l.Kind
}

// secure tells whether the listener speaks TLS.
func (l Listener) secure() bool { return l.kind() == KindTLS || l.kind() == KindWSS }

// web tells whether the listener speaks WebSocket.
func (l Listener) web() bool { return l.kind() == KindWS || l.kind() == KindWSS }

// anyPort tells whether the address is a free port, which is another one for each listener that asks for it.
func (l Listener) anyPort() bool { return l.kind() != KindUnix && strings.HasSuffix(l.Address, ":0") }

// path is that of WebSocket requests.
func (l Listener) path() string {
	if l.Path == "" {
		return DefaultPath
	}
	return l.Path
}

// clientAuth says whether clients present a certificate.
func (l Listener) clientAuth() ClientAuth {
	switch {
	case l.ClientAuth != "":
		return l.ClientAuth
	case l.CA != "":
		return ClientAuthRequire
	}
	return ClientAuthNone
}

// mode is the permission of a unix socket.
func (l Listener) mode() fs.FileMode {
	if mode, err := parseMode(l.Mode); err == nil {
		return mode
	}
	return defaultMode
}

// clone is a copy that shares no memory with l.
func (l Listener) clone() Listener {
	l.Versions = slices.Clone(l.Versions)
	l.Proxy = slices.Clone(l.Proxy)
	l.Cert, l.Key, l.OCSP = slices.Clone(l.Cert), slices.Clone(l.Key), slices.Clone(l.OCSP)
	l.Origins = slices.Clone(l.Origins)
	return l
}
