package admin

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/penstock-mqtt/penstock/engine"
)

// DefaultAddress is where the listener is unless told otherwise.
const DefaultAddress = "127.0.0.1:18083"

// Off as an address or a socket means that there is none.
const Off = "off"

// Config says where the operator is let in and who that is. The keys are those of the section admin. The zero value is
// the default.
type Config struct {
	// Listen holds the TCP addresses; nil is DefaultAddress, unless somebody else has it. Off or no element closes TCP.
	Listen []string `yaml:"listen"`
	// Socket is the path of the unix socket; empty is DefaultSocket, unless another broker has it, Off is none.
	Socket string `yaml:"socket"`
	// Token is what a client has to know that changes state over TCP, or comes from beyond loopback. TokenFile names a
	// file with it, which a reload reads again.
	Token     string `yaml:"token"`
	TokenFile string `yaml:"token_file"`
	// Hosts are names, or addresses of a forwarder, that the Host header may have besides our own addresses.
	Hosts []string `yaml:"hosts"`
	TLS   TLS      `yaml:"tls"`
}

// TLS makes the TCP listeners speak HTTPS. The fields are paths of PEM files, which a reload reads again.
type TLS struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
	// ClientCA holds the authorities of client certificates: every client needs one of theirs.
	ClientCA string `yaml:"client_ca"`
}

// addresses are the TCP addresses to open.
func (c *Config) addresses() []string {
	if c.Listen == nil {
		return []string{DefaultAddress}
	}
	return slices.DeleteFunc(slices.Clone(c.Listen), func(a string) bool { return a == Off })
}

// Validate reports the first thing that is wrong as a *engine.FieldError, whose field begins with admin.
func (c *Config) Validate() error {
	bad := func(field, format string, args ...any) error {
		return &engine.FieldError{Field: "admin." + field, Problem: fmt.Sprintf(format, args...)}
	}
	for _, a := range c.addresses() {
		host, port, err := net.SplitHostPort(a)
		if err != nil || port == "" {
			return bad("listen", "must be host:port or off, is %q", a)
		}
		if !loopback(host) && c.Token == "" && c.TokenFile == "" && c.TLS.ClientCA == "" {
			return bad("listen", "must be a loopback address without admin.token, admin.token_file or admin.tls.client_ca, is %q", a)
		}
	}
	switch {
	case c.Token != "" && c.TokenFile != "":
		return bad("token_file", "must be empty when admin.token is set")
	case c.Token != "" && len(c.Token) < minToken:
		return bad("token", "must be at least %d characters long", minToken)
	case (c.TLS.Cert == "") != (c.TLS.Key == ""):
		return bad("tls", "must have both cert and key, or neither")
	case c.TLS.ClientCA != "" && c.TLS.Cert == "":
		return bad("tls.client_ca", "must be empty without admin.tls.cert and admin.tls.key")
	}
	for _, h := range c.Hosts {
		if h == "" || strings.ContainsAny(h, "/ ") {
			return bad("hosts", "must be names without scheme or path, is %q", h)
		}
	}
	return nil
}

// minToken keeps out what can be guessed by trying.
const minToken = 16

// Reloadable reports, as a *engine.FieldError, the first key by which next differs from the running c that only a
// restart can change: the addresses and the socket.
func (c *Config) Reloadable(next *Config) error {
	switch {
	case (c.Listen == nil) != (next.Listen == nil) || !slices.Equal(c.Listen, next.Listen):
		return &engine.FieldError{Field: "admin.listen", Problem: fmt.Sprintf("needs a restart to change from %v to %v", c.addresses(), next.addresses())}
	case c.Socket != next.Socket:
		return &engine.FieldError{Field: "admin.socket", Problem: fmt.Sprintf("needs a restart to change from %q to %q", c.Socket, next.Socket)}
	case (c.TLS.Cert == "") != (next.TLS.Cert == ""):
		return &engine.FieldError{Field: "admin.tls", Problem: "needs a restart to turn on or off"}
	}
	return nil
}

// loopback tells whether a host of an address is this machine only. A name is not: what it stands for may change.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
