package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
)

// tlsFlags are mosquitto's options for TLS. Each of them turns it on.
type tlsFlags struct {
	CAFile   text `name:"cafile" aliases:"ca" placeholder:"FILE" help:"Trust the authorities in this file (PEM)."`
	CAPath   text `name:"capath" placeholder:"DIR" help:"Trust the authorities in the files of this directory (PEM)."`
	OSCerts  bool `name:"tls-use-os-certs" help:"Trust the system's authorities, besides those given; so it is anyway if none are."`
	Cert     text `placeholder:"FILE" help:"Client certificate, with what leads to its authority (PEM)."`
	Key      text `placeholder:"FILE" help:"Key of the client certificate (PEM, not encrypted)."`
	KeyForm  text `name:"keyform" placeholder:"FORM" help:"Form of the key: pem, the only one."`
	Insecure bool `help:"Do not ask whether the server's certificate is for the host we connect to; who signed it is asked."`
	Oldest   text `name:"tls-version" placeholder:"VERSION" help:"Oldest version of TLS: tlsv1.2 (the default) or tlsv1.3."`
	ALPN     text `name:"tls-alpn" placeholder:"PROTOCOL" help:"Application protocol to ask for; mqtt if not given, http/1.1 for WebSocket."`
	Ciphers  text `placeholder:"LIST" help:"Cipher suites for TLS 1.2, by OpenSSL's or IANA's names with : between them."`
}

// given tells whether any of the flags is there.
func (f *tlsFlags) given() bool { return *f != tlsFlags{} }

// config reads the files and builds what crypto/tls wants.
func (f *tlsFlags) config() (c *tls.Config, err error) {
	c = &tls.Config{ClientSessionCache: tls.NewLRUClientSessionCache(1)} // for a sub that connects again
	if c.RootCAs, err = f.authorities(); err != nil {
		return nil, err
	}
	if err := f.identify(c); err != nil {
		return nil, err
	}
	switch f.Oldest {
	case "", "tlsv1.2":
		c.MinVersion = tls.VersionTLS12
	case "tlsv1.3":
		c.MinVersion = tls.VersionTLS13
	default:
		return nil, usage("--tls-version %s: it must be tlsv1.2 or tlsv1.3", f.Oldest)
	}
	if f.ALPN != "" {
		c.NextProtos = []string{string(f.ALPN)}
	}
	if f.Ciphers != "" {
		if c.CipherSuites, err = cipherSuites(string(f.Ciphers)); err != nil {
			return nil, err
		}
	}
	if f.Insecure {
		c.InsecureSkipVerify = true // which crypto/tls understands as no verification at all
		c.VerifyConnection = func(s tls.ConnectionState) error { return verifyChain(s, c.RootCAs) }
	}
	return c, nil
}

// verifyChain is what crypto/tls would do, but for the name.
func verifyChain(s tls.ConnectionState, roots *x509.CertPool) error {
	o := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
	for _, c := range s.PeerCertificates[1:] {
		o.Intermediates.AddCert(c)
	}
	_, err := s.PeerCertificates[0].Verify(o)
	if err != nil {
		err = &tls.CertificateVerificationError{UnverifiedCertificates: s.PeerCertificates, Err: err}
	}
	return err
}

// authorities is whom to trust; nil: the system's.
func (f *tlsFlags) authorities() (*x509.CertPool, error) {
	if f.CAFile == "" && f.CAPath == "" {
		return nil, nil
	}
	pool := x509.NewCertPool()
	if f.OSCerts {
		system, err := x509.SystemCertPool()
		if err != nil {
			return nil, usage("--tls-use-os-certs: %v", err)
		}
		pool = system
	}
	if f.CAFile != "" {
		b, err := os.ReadFile(string(f.CAFile))
		if err != nil {
			return nil, usage("--cafile: %v", err)
		}
		if !pool.AppendCertsFromPEM(b) {
			return nil, usage("--cafile %s: there is no certificate in it", f.CAFile)
		}
	}
	if f.CAPath != "" {
		return pool, addDirectory(pool, string(f.CAPath))
	}
	return pool, nil
}

// addDirectory takes each file of a directory that holds certificates, whether OpenSSL has hashed its name or not.
func addDirectory(pool *x509.CertPool, dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return usage("--capath: %v", err)
	}
	found := false
	for _, file := range files {
		b, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err == nil && pool.AppendCertsFromPEM(b) { // what cannot be read is a directory, or not for us
			found = true
		}
	}
	if !found {
		return usage("--capath %s: no file in it holds a certificate", dir)
	}
	return nil
}

// identify loads the client's certificate.
func (f *tlsFlags) identify(c *tls.Config) error {
	switch {
	case f.KeyForm != "" && f.KeyForm != "pem":
		return usage("--keyform %s: only pem is supported", f.KeyForm)
	case f.KeyForm != "" && f.Key == "":
		return usage("--keyform says what form --key has, which is missing")
	case f.Cert == "" && f.Key == "":
		return nil
	case f.Cert == "" || f.Key == "":
		return usage("--cert and --key are needed together")
	}
	cert, err := os.ReadFile(string(f.Cert))
	if err != nil {
		return usage("--cert: %v", err)
	}
	key, err := os.ReadFile(string(f.Key))
	if err != nil {
		return usage("--key: %v", err)
	}
	if encrypted(key) {
		return usage("--key %s: the key is encrypted, which is not supported", f.Key)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return usage("--cert %s and --key %s: %s", f.Cert, f.Key, strings.TrimPrefix(err.Error(), "tls: "))
	}
	c.Certificates = []tls.Certificate{pair}
	return nil
}

// encrypted recognizes both forms of a key with a password.
func encrypted(key []byte) bool {
	for block, rest := pem.Decode(key); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return true
		}
	}
	return false
}

// cipherSuites reads a list of names. OpenSSL's language of lists (HIGH, !aNULL) is not spoken, and TLS 1.3 has no choice.
func cipherSuites(list string) (ids []uint16, err error) {
	for name := range strings.SplitSeq(list, ":") {
		id, known := cipherSuite(name)
		if !known {
			return nil, usage("--ciphers: %q is no cipher suite for TLS 1.2 that is known here; one such is ECDHE-ECDSA-AES128-GCM-SHA256", name)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func cipherSuite(name string) (id uint16, known bool) {
	for _, s := range tls.CipherSuites() {
		if s.SupportedVersions[0] < tls.VersionTLS13 && (name == s.Name || name == opensslName(s.Name)) {
			return s.ID, true
		}
	}
	return 0, false
}

// opensslName turns TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 into ECDHE-RSA-AES128-GCM-SHA256.
func opensslName(name string) string {
	return strings.NewReplacer("TLS_", "", "_WITH_", "-", "AES_", "AES", "_CBC", "", "POLY1305_SHA256", "POLY1305", "_", "-").Replace(name)
}
