package codec

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// authority signs the certificates of the tests, of both kinds of key.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
	pool *x509.CertPool
}

var serials atomic.Int64

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{key: newKey(t, false), pool: x509.NewCertPool()}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(serials.Add(1)), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, a.key.Public(), a.key)
	must(t, err)
	a.cert, err = x509.ParseCertificate(der)
	must(t, err)
	a.pool.AddCert(a.cert)
	return a
}

func newKey(t testing.TB, useRSA bool) (key crypto.Signer) {
	t.Helper()
	var err error
	if useRSA {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	must(t, err)
	return key
}

// issue makes a certificate for name.
func (a *authority) issue(t testing.TB, name string, useRSA bool) tls.Certificate {
	t.Helper()
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(serials.Add(1)), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"broker"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}
	key := newKey(t, useRSA)
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, key.Public(), a.key)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// server and client are configurations that fit each other.
func (a *authority) server(t testing.TB, useRSA, mutual bool) *tls.Config {
	t.Helper()
	c := &tls.Config{
		Certificates: []tls.Certificate{a.issue(t, "broker", useRSA)}, MinVersion: tls.VersionTLS12, NextProtos: []string{"mqtt"},
		DynamicRecordSizingDisabled: true,
	}
	if mutual {
		c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, a.pool
	}
	return c
}

func (a *authority) client() *tls.Config {
	return &tls.Config{RootCAs: a.pool, ServerName: "broker", NextProtos: []string{"mqtt"}}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// within is how long a test waits for what must happen.
const within = 60 * time.Second

// await waits for a condition.
func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	look, end := time.NewTicker(time.Millisecond), time.After(within)
	defer look.Stop()
	for !ok() {
		select {
		case <-look.C:
		case <-end:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// peer is a stage served like the engine does it, by a loop of its own; it echoes what it reads. Its other end is a
// net.Conn of this process.
type peer struct {
	stage *TLS
	to    Sink // nil: echo

	mu     sync.Mutex
	news   sync.Cond
	events []func()
	ended  chan struct{} // closed when the loop has ended
	state  tls.ConnectionState
	agreed bool
	got    int
	err    error // what ended it, io.EOF for close_notify

	s    *Scratch
	owed []byte
	near *half // what the other end reads
}

// serve makes a peer with its loop, and the conn of the other end. chop, if not 0, is in how small pieces the stage gets
// what the other end writes.
func serve(t testing.TB, cfg *tls.Config, client bool, turns *Handshakes, chop int) (*peer, net.Conn) {
	t.Helper()
	p := &peer{s: NewScratch(), ended: make(chan struct{}), near: newHalf()}
	p.news.L = &p.mu
	p.stage = NewTLS(cfg, client, turns, func() { p.post(p.step) })
	if client {
		p.post(p.stage.Start)
	}
	go p.loop()
	t.Cleanup(p.stop)
	return p, &conn{peer: p, chop: chop}
}

func (p *peer) post(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, f)
	p.news.Signal()
}

func (p *peer) loop() {
	defer close(p.ended)
	for p.err == nil {
		p.mu.Lock()
		for len(p.events) == 0 {
			p.news.Wait()
		}
		todo := p.events
		p.events = nil
		p.mu.Unlock()
		for _, f := range todo {
			if f(); p.err != nil {
				break
			}
		}
	}
	if p.err == errHalt {
		return
	}
	p.stage.CloseNotify(p.s)
	p.flush()
	p.stage.Gone()
	p.near.end()
}

// halt ends the loop alone and leaves the stage to the caller.
func (p *peer) halt() {
	p.post(func() { p.err = errHalt })
	<-p.ended
}

var errHalt = errors.New("halt")

// stop ends the loop and waits for it.
func (p *peer) stop() {
	p.post(func() { p.err = net.ErrClosed })
	<-p.ended
}

func (p *peer) step() {
	done, err := p.stage.Step(p.s)
	if p.fail(err); done {
		p.agreed, p.state = true, p.stage.State()
		p.fail(p.stage.Continue(p.s, p))
	}
	p.answer()
}

func (p *peer) feed(b []byte) {
	p.fail(p.stage.Feed(b, p.s, p))
	p.answer()
}

func (p *peer) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

// Bytes takes plaintext, to echo it or for whoever wants it.
func (p *peer) Bytes(b []byte) bool {
	p.got += len(b)
	if p.to != nil {
		return p.to.Bytes(b)
	}
	p.owed = append(p.owed, b...)
	return true
}

func (p *peer) answer() {
	if len(p.owed) > 0 && p.stage.Open() {
		p.fail(p.stage.Seal(p.owed, p.s))
		p.owed = p.owed[:0]
	}
	p.flush()
}

func (p *peer) flush() {
	p.near.add(p.s.Wire)
	p.s.Reset()
}

// result waits for the end and gives what it was.
func (p *peer) result(t testing.TB) error {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(within):
		t.Fatal("the stage did not end")
	}
	return p.err
}

// plenty are bounds that bound nothing.
func plenty() *Handshakes { return NewHandshakes(HandshakeLimits{Active: 1 << 20, Waiting: 1 << 20}) }
