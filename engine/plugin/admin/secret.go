package admin

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/penstock-mqtt/penstock/engine"
)

// secrets are what a reload may change, read and ready for use. They are replaced as a whole.
type secrets struct {
	cfg   Config
	token *[sha256.Size]byte // of the token's bytes; nil: there is none
	hosts map[string]bool    // in lower case
	tls   *tls.Config        // nil: plain HTTP
}

// read makes the secrets of a validated configuration. Its errors are *engine.FieldError.
func (c Config) read() (*secrets, error) {
	s := &secrets{cfg: c, hosts: map[string]bool{"localhost": true}}
	for _, h := range c.Hosts {
		s.hosts[strings.ToLower(strings.Trim(h, "[]"))] = true
	}
	token := []byte(c.Token)
	if c.TokenFile != "" {
		b, err := os.ReadFile(c.TokenFile)
		if err != nil {
			return nil, &engine.FieldError{Field: "admin.token_file", Problem: "cannot be read: " + err.Error()}
		}
		if token = bytes.TrimSpace(b); len(token) < minToken {
			return nil, &engine.FieldError{Field: "admin.token_file", Problem: fmt.Sprintf("must hold at least %d characters", minToken)}
		}
	}
	if len(token) > 0 {
		sum := sha256.Sum256(token)
		s.token = &sum
	}
	if c.TLS.Cert == "" {
		return s, nil
	}
	cert, err := tls.LoadX509KeyPair(c.TLS.Cert, c.TLS.Key)
	if err != nil {
		return nil, &engine.FieldError{Field: "admin.tls.cert", Problem: "cannot be used: " + err.Error()}
	}
	s.tls = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	if c.TLS.ClientCA == "" {
		return s, nil
	}
	if s.tls.ClientCAs, err = authorities(c.TLS.ClientCA); err != nil {
		return nil, &engine.FieldError{Field: "admin.tls.client_ca", Problem: "cannot be used: " + err.Error()}
	}
	s.tls.ClientAuth = tls.RequireAndVerifyClientCert
	return s, nil
}

func authorities(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("no certificate in " + file)
	}
	return pool, nil
}

// knows compares in a time that tells nothing about the token, its length included.
func (s *secrets) knows(token string) bool {
	sum := sha256.Sum256([]byte(token))
	return s.token != nil && subtle.ConstantTimeCompare(sum[:], s.token[:]) == 1
}
