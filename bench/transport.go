package bench

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/penstock-mqtt/penstock/bench/internal/loop"
	"github.com/penstock-mqtt/penstock/codec"
)

// encrypted is how many clients a scenario that holds many has over TLS, unless it is told: each costs the generator ten
// times what it costs without.
const encrypted = 5000

// How much of a WebSocket frame is one: what a flush writes, or, as browsers' clients do it, a packet.
const (
	framePerFlush  = "flush"
	framePerPacket = "packet"
)

// tlsVersions are the values of Config.TLSVersion.
var tlsVersions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// checkTransport validates what concerns the layers below MQTT.
func (c *Config) checkTransport() error {
	a, err := parseAddress(c.Addr)
	if err != nil {
		return fmt.Errorf("addr: %w", err)
	}
	for _, o := range []struct {
		field string
		given bool
	}{
		{"cafile", c.CAFile != ""}, {"cert", c.CertFile != ""}, {"key", c.KeyFile != ""}, {"servername", c.ServerName != ""},
		{"insecure", c.Insecure}, {"tls-version", c.TLSVersion != ""}, {"tls-resume", c.TLSResume},
	} {
		if o.given && !a.tls {
			return fmt.Errorf("%s: is for TLS, and the address is neither tls:// nor wss://", o.field)
		}
	}
	if c.WSFrames != "" && !a.ws {
		return errors.New("ws-frames: is for WebSocket, and the address is neither ws:// nor wss://")
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		return errors.New("cert: certificate and key go together")
	}
	return nil
}

// overTLS tells whether the address asks for it.
func (c *Config) overTLS() bool {
	a, err := parseAddress(c.Addr)
	return err == nil && a.tls
}

// layers makes what lies between sockets and MQTT, nil for nothing.
func (c *Config) layers(a *address) (*loop.Layers, error) {
	if !a.tls && !a.ws {
		return nil, nil
	}
	y := new(loop.Layers)
	var err error
	if a.tls {
		y.TLS, err = c.tlsConfig(a)
	}
	if a.ws {
		y.WebSocket = &codec.ClientUpgrade{Host: a.webHost(), Path: a.target, Subprotocols: []string{"mqtt"}}
		if c.WSFrames == framePerPacket {
			y.Packet = packetLength
		}
	}
	return y, err
}

// webHost is what a browser would put into the Host header: without the port that goes without saying.
func (a *address) webHost() string {
	if a.port == schemes[a.transport()].port {
		return a.host
	}
	return net.JoinHostPort(a.host, a.port)
}

func (c *Config) tlsConfig(a *address) (*tls.Config, error) {
	t := &tls.Config{ServerName: c.ServerName, InsecureSkipVerify: c.Insecure, NextProtos: []string{"mqtt"}}
	if a.ws {
		t.NextProtos = []string{"http/1.1"} // what follows is HTTP, and must not become HTTP/2
	}
	if t.ServerName == "" {
		t.ServerName = a.host
	}
	if c.TLSVersion != "" {
		t.MinVersion = tlsVersions[c.TLSVersion]
		t.MaxVersion = t.MinVersion
	}
	if c.CAFile != "" {
		text, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("cafile: %w", err)
		}
		if t.RootCAs = x509.NewCertPool(); !t.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("cafile: no certificate in %s", c.CAFile)
		}
	}
	if c.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("cert: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

// packetLength is the length of the MQTT packet that b begins with. We have made it ourselves.
func packetLength(b []byte) int {
	size, shift := 0, 0
	for i := 1; i < len(b); i++ {
		size |= int(b[i]&0x7f) << shift
		if shift += 7; b[i] < 0x80 {
			return min(i+1+size, len(b))
		}
	}
	return len(b)
}
