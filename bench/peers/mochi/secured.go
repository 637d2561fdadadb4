package main

import (
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"os"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
)

// secured is what is served besides TCP, an address each.
type secured struct {
	tls, mtls, ws, wss string
	cert, key, ca      string
}

func (s *secured) flags() {
	flag.StringVar(&s.tls, "tls", "", "serve TLS on this `host:port`")
	flag.StringVar(&s.mtls, "mtls", "", "serve TLS to clients with a certificate on this `host:port`")
	flag.StringVar(&s.ws, "ws", "", "serve WebSocket on this `host:port`")
	flag.StringVar(&s.wss, "wss", "", "serve WebSocket over TLS on this `host:port`")
	flag.StringVar(&s.cert, "cert", "", "certificate, a PEM `file`")
	flag.StringVar(&s.key, "key", "", "its key, a PEM `file`")
	flag.StringVar(&s.ca, "ca", "", "who signs the clients' certificates, a PEM `file`")
}

// listen adds a listener for each address that was given.
func (s *secured) listen(server *mqtt.Server) error {
	plain, mutual, err := s.configs()
	if err != nil {
		return err
	}
	for _, l := range []struct {
		id, addr string
		tls      *tls.Config
		web      bool
	}{{"tls", s.tls, plain, false}, {"mtls", s.mtls, mutual, false}, {"ws", s.ws, nil, true}, {"wss", s.wss, plain, true}} {
		if l.addr == "" {
			continue
		}
		if l.tls == nil && l.id != "ws" {
			return fmt.Errorf("-%s needs -cert and -key", l.id)
		}
		config := listeners.Config{ID: l.id, Address: l.addr, TLSConfig: l.tls}
		var listener listeners.Listener = listeners.NewTCP(config)
		if l.web {
			if l.tls != nil {
				config.TLSConfig = l.tls.Clone() // net/http writes its own protocols into it
			}
			listener = listeners.NewWebsocket(config)
		}
		if err := server.AddListener(listener); err != nil {
			return err
		}
	}
	return nil
}

func (s *secured) configs() (plain, mutual *tls.Config, err error) {
	if s.cert == "" {
		return nil, nil, nil
	}
	pair, err := tls.LoadX509KeyPair(s.cert, s.key)
	if err != nil {
		return nil, nil, err
	}
	plain = &tls.Config{Certificates: []tls.Certificate{pair}}
	if s.ca == "" {
		return plain, plain, nil
	}
	text, err := os.ReadFile(s.ca)
	if err != nil {
		return nil, nil, err
	}
	mutual = plain.Clone()
	mutual.ClientAuth, mutual.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	if !mutual.ClientCAs.AppendCertsFromPEM(text) {
		return nil, nil, fmt.Errorf("no certificate in %s", s.ca)
	}
	return plain, mutual, nil
}
