package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// loadPair reads a certificate with its chain, and its key.
func loadPair(certFile, keyFile string) (*tls.Certificate, []Expiry, error) {
	chain, err := loadCertificates("certificate", certFile)
	if err != nil {
		return nil, nil, err
	}
	if err := usable(chain[0]); err != nil {
		return nil, nil, wrongFile("certificate", certFile, err)
	}
	key, err := loadKey(keyFile)
	if err != nil {
		return nil, nil, err
	}
	if !matches(key, chain[0]) {
		return nil, nil, wrongFile("key", keyFile, mismatch(key, chain, certFile))
	}
	pair := &tls.Certificate{PrivateKey: key, Leaf: chain[0]}
	expiries := make([]Expiry, len(chain))
	for i, c := range chain {
		pair.Certificate = append(pair.Certificate, c.Raw)
		expiries[i] = Expiry{File: certFile, Subject: name(c), At: c.NotAfter}
	}
	return pair, expiries, nil
}

// usable tells whether TLS can sign with keys of the certificate's kind.
func usable(c *x509.Certificate) error {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < 1024 || bits > 8192 {
			return fmt.Errorf("certificate %s has an RSA key of %d bits: 1024 to 8192 are supported", name(c), bits)
		}
		return nil
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P224() {
			return fmt.Errorf("certificate %s has a key on curve P-224, which TLS does not use", name(c))
		}
		return nil
	case ed25519.PublicKey:
		return nil
	}
	return fmt.Errorf("certificate %s has a key of an unsupported kind, %s", name(c), c.PublicKeyAlgorithm)
}

func matches(key crypto.Signer, c *x509.Certificate) bool {
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(c.PublicKey)
}

func mismatch(key crypto.Signer, chain []*x509.Certificate, certFile string) error {
	for i, c := range chain[1:] {
		if matches(key, c) {
			return fmt.Errorf("the key matches certificate %d in %s (%s): the server's own must come first", i+2, certFile, name(c))
		}
	}
	return fmt.Errorf("the key does not match certificate %s in %s", name(chain[0]), certFile)
}

// loadKey reads the first private key of a PEM file.
func loadKey(path string) (crypto.Signer, error) {
	data, err := readFile("key", path)
	if err != nil {
		return nil, err
	}
	key, err := parseKey(data)
	if err != nil {
		return nil, wrongFile("key", path, err)
	}
	return key, nil
}

func parseKey(data []byte) (crypto.Signer, error) {
	blocks, err := decodePEM(data)
	if err != nil {
		return nil, err
	}
	for _, block := range blocks {
		if block.Type == "PRIVATE KEY" || strings.HasSuffix(block.Type, " PRIVATE KEY") {
			return parseKeyBlock(block)
		}
	}
	return nil, errors.New("no private key in it" + insteadOf(data, blocks))
}

func parseKeyBlock(block *pem.Block) (crypto.Signer, error) {
	var key any
	var err error
	switch {
	case block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
		return nil, errors.New("the private key is encrypted: one without a passphrase is needed")
	case block.Type == "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case block.Type == "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case block.Type == "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("the private key is of an unsupported kind, %s", block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("the private key cannot be read: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("the private key is of a kind that cannot sign, %T", key)
	}
	return signer, nil
}
