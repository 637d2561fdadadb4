package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// pki is a directory with certificates, each as NAME.crt and NAME.key.
type pki struct {
	t   *testing.T
	dir string
}

// newPKI makes two authorities, ca and other, and certificates by ca: server for 127.0.0.1, elsewhere for another name,
// client for whoever connects.
func newPKI(t *testing.T) *pki {
	p := &pki{t: t, dir: t.TempDir()}
	ca := p.make("ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil)
	p.make("other", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil)
	p.make("server", &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, ca)
	p.make("elsewhere", &x509.Certificate{DNSNames: []string{"elsewhere.example"}}, ca)
	p.make("client", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, ca)
	return p
}

func (p *pki) make(name string, c *x509.Certificate, by *tls.Certificate) *tls.Certificate {
	p.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	c.SerialNumber, c.Subject = big.NewInt(1), pkix.Name{CommonName: name}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := c, key
	if by != nil {
		parent, signer = by.Leaf, by.PrivateKey.(*ecdsa.PrivateKey)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		p.t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		p.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		p.t.Fatal(err)
	}
	p.write(name+".crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	p.write(name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func (p *pki) write(name string, content []byte) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), content, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// fill writes arguments out: @name is a file of the directory, and @ the directory itself.
func (p *pki) fill(args string) []string {
	filled := strings.Fields(args)
	for i, arg := range filled {
		if name, ok := strings.CutPrefix(arg, "@"); ok {
			filled[i] = filepath.Join(p.dir, name)
		}
	}
	return filled
}

// secured starts a broker with a listener of each kind and gives their addresses by kind; "mutual" is a tls one that
// requires a client certificate, "elsewhere" one with a certificate for another name.
func (p *pki) secured() map[string]string {
	p.t.Helper()
	file := func(name string) string { return filepath.Join(p.dir, name) }
	cert := "?cert=" + file("server.crt") + "&key=" + file("server.key")
	broker := start(p.t, "--admin", "off", "--listen", "tcp://127.0.0.1:0",
		"--listen", "tls://127.0.0.1:0"+cert, "--listen", "ws://127.0.0.1:0/mqtt", "--listen", "wss://127.0.0.1:0/mqtt"+cert,
		"--listen", "unix://"+file("sock"), "--listen", "tls://127.0.0.1:0"+cert+"&client-auth=require&ca="+file("ca.crt"),
		"--listen", "tls://127.0.0.1:0?cert="+file("elsewhere.crt")+"&key="+file("elsewhere.key"))
	at := make(map[string]string)
	for _, kind := range []string{"tcp", "tls", "ws", "wss", "unix", "mutual", "elsewhere"} {
		at[kind] = broker.awaitLine(`^penstock: listening on \w+://(127\.0\.0\.1:[0-9]+|/.*)(?:/mqtt)?$`)
	}
	return at
}

func TestPubAndSubTalkThroughEveryTransport(t *testing.T) {
	p := newPKI(t)
	at := p.secured()
	url := func(scheme, kind string) string { return "-L " + scheme + "://" + at[kind] }
	flags := func(kind string) string {
		host, port, _ := net.SplitHostPort(at[kind])
		return "-h " + host + " -p " + port
	}
	for i, args := range []string{
		url("mqtt", "tcp") + "/t",
		flags("tls") + " --cafile @ca.crt -t t",
		url("mqtts", "tls") + "/t --capath @ -V 5",
		url("tls", "tls") + "/t --cafile @ca.crt --insecure",
		flags("elsewhere") + " --cafile @ca.crt --insecure -t t",
		flags("mutual") + " --cafile @ca.crt --cert @client.crt --key @client.key --keyform pem --tls-version tlsv1.3 -t t",
		flags("tls") + " --cafile @ca.crt --tls-use-os-certs --ciphers ECDHE-ECDSA-AES128-GCM-SHA256:TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 -t t",
		flags("ws") + " --ws -t t -V 31",
		url("ws", "ws") + " -t t",
		url("ws", "ws") + "/mqtt?token=x -t t --ws-header Authorization:x",
		flags("wss") + " --ws --ws-path /mqtt --cafile @ca.crt -t t",
		url("wss", "wss") + "/mqtt --cafile @ca.crt --tls-version tlsv1.2 -t t -V 5",
		"--unix " + at["unix"] + " -t t",
	} {
		way := p.fill(args)
		s := subscriber(t, way, "-q", "2", "-C", "2", "-F", "%t %l")
		pub(t, way, "-m", "first", "-q", "2")
		p.write("message", make([]byte, 100_000+i))
		pub(t, way, "-f", filepath.Join(p.dir, "message"), "-q", "1")
		got, code := s.messages()
		if want := []string{"t 5", "t 1000" + string([]byte{'0' + byte(i/10), '0' + byte(i%10)})}; code != exitOK || !slices.Equal(got, want) {
			t.Errorf("%s: exit %d, got %q, want %q; stderr:\n%s", args, code, got, want, s.stderr)
		}
	}
}

func TestConnectionsThatTLSOrWebSocketRefuseSayWhy(t *testing.T) {
	p := newPKI(t)
	at := p.secured()
	for _, tt := range []struct {
		kind, args string
		code       int
		said       string
	}{
		{"tls", "--cafile @other.crt", exitTLS, "signed by unknown authority"},
		{"tls", "--cafile @other.crt --insecure", exitTLS, "signed by unknown authority"},
		{"tls", "--tls-use-os-certs", exitTLS, "certificate"},
		{"tls", "--insecure", exitTLS, "certificate"},
		{"elsewhere", "--cafile @ca.crt", exitTLS, "127.0.0.1"},
		{"tls", "--cafile @ca.crt --tls-alpn h2", exitTLS, "no application protocol"},
		{"mutual", "--cafile @ca.crt", exitLost, "certificate required"},
		{"tcp", "--cafile @ca.crt", exitTLS, "TLS handshake"},
		{"tls", "", exitLost, ""},
		{"ws", "--ws --ws-path /other", exitFailed, "HTTP 404"},
		{"tcp", "--ws", exitFailed, "WebSocket upgrade: the server closed the connection"},
		{"wss", "--ws --cafile @other.crt", exitTLS, "signed by unknown authority"},
	} {
		host, port, _ := net.SplitHostPort(at[tt.kind])
		args := slices.Concat([]string{"pub", "-t", "t", "-m", "m", "-h", host, "-p", port}, p.fill(tt.args))
		code, stdout, stderr := runArgs(args...)
		if code != tt.code || stdout != "" || !strings.Contains(stderr, tt.said) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s %s: exit %d, stdout %q, stderr %q; want exit %d and %q", tt.kind, tt.args, code, stdout, stderr, tt.code, tt.said)
		}
	}
}

func TestTLSFlagsThatCannotBeHonouredAreNamed(t *testing.T) {
	p := newPKI(t)
	p.write("empty", nil)
	p.write("locked.key", []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"))
	if err := os.Mkdir(filepath.Join(p.dir, "none"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ args, said string }{
		{"--cafile @gone.crt", "--cafile: open @gone.crt: no such file"},
		{"--cafile @empty", "--cafile @empty: there is no certificate"},
		{"--capath @gone", "--capath: open @gone: no such file"},
		{"--capath @none", "--capath @none: no file"},
		{"--cert @client.crt", "--cert and --key"},
		{"--key @client.key", "--cert and --key"},
		{"--cert @gone.crt --key @client.key", "--cert: open @gone.crt: no such file"},
		{"--cert @client.crt --key @gone.key", "--key: open @gone.key: no such file"},
		{"--cert @client.crt --key @server.key", "--cert @client.crt and --key @server.key: private key does not match"},
		{"--cert @client.crt --key @locked.key", "--key @locked.key: the key is encrypted"},
		{"--keyform engine", "--keyform engine: only pem"},
		{"--keyform pem", "--keyform says what form --key has"},
		{"--tls-version tlsv1.1", "--tls-version tlsv1.1: it must be"},
		{"--ciphers HIGH:!aNULL", `--ciphers: "HIGH" is no cipher suite`},
		{"--ciphers TLS_AES_128_GCM_SHA256", `--ciphers: "TLS_AES_128_GCM_SHA256" is no cipher suite for TLS 1.2`},
		{"--unix @sock --cafile @ca.crt", "--unix goes with neither"},
		{"--unix @sock --ws", "--unix goes with neither"},
		{"--ws-path /mqtt", "--ws-path and --ws-header are for WebSocket"},
		{"--ws-header a:b", "--ws-path and --ws-header are for WebSocket"},
		{"--ws --ws-path mqtt", "--ws-path mqtt: it must begin with /"},
		{"--ws --ws-header nonsense", `--ws-header "nonsense": it must be NAME: VALUE`},
	} {
		args := slices.Concat([]string{"sub", "-t", "t", "-h", "127.0.0.1", "-p", "1"}, p.fill(tt.args))
		code, stdout, stderr := runArgs(args...)
		want := "penstock: " + strings.ReplaceAll(tt.said, "@", p.dir+"/")
		if code != exitFailed || stdout != "" || !strings.HasPrefix(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit %d, stdout %q, stderr %q; want exit %d and %q", tt.args, code, stdout, stderr, exitFailed, want)
		}
	}
}

func TestSubResumesTLSWhenItConnectsAgain(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	cert, err := tls.LoadX509KeyPair(filepath.Join(p.dir, "server.crt"), filepath.Join(p.dir, "server.key"))
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	resumed := make(chan bool, 2)
	go func() {
		script := map[mqtt.Type]string{ // and the end at the first UNSUBSCRIBE
			mqtt.CONNECT: "\x20\x02\x00\x00", mqtt.SUBSCRIBE: "\x90\x03\x00\x01\x00\x30\x04\x00\x01ta",
		}
		for range cap(resumed) {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			c.SetDeadline(time.Now().Add(20 * time.Second))
			if err := c.(*tls.Conn).Handshake(); err != nil {
				t.Errorf("handshake: %v", err)
			}
			resumed <- c.(*tls.Conn).ConnectionState().DidResume
			answer(c, script)
			script[mqtt.UNSUBSCRIBE], script[mqtt.DISCONNECT] = "", ""
		}
	}()
	host, port, _ := net.SplitHostPort(ln.Addr().String())
	args := []string{"-h", host, "-p", port, "--cafile", filepath.Join(p.dir, "ca.crt"), "-t", "t", "-C", "2", "-U", "x"}
	if code, stdout, stderr := sub(args); code != exitOK || stdout != "a\na\n" {
		t.Errorf("exit %d, stdout %q, stderr %q; want a twice", code, stdout, stderr)
	}
	if first, second := <-resumed, <-resumed; first || !second {
		t.Errorf("resumed: first connection %v, second %v; want only the second", first, second)
	}
}
