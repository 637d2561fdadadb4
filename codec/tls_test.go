package codec

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"io"
	"testing"
)

// echoed sends n random bytes and wants them back.
func echoed(t testing.TB, c io.ReadWriter, n int) {
	t.Helper()
	sent, got := make([]byte, n), make([]byte, n)
	rand.Read(sent)
	wrote := make(chan error, 1)
	go func() { _, err := c.Write(sent); wrote <- err }()
	if k, err := io.ReadFull(c, got); err != nil {
		t.Fatalf("read %d of %d bytes back: %v", k, n, err)
	}
	must(t, <-wrote)
	if !bytes.Equal(sent, got) {
		t.Fatalf("%d bytes came back changed", n)
	}
}

func TestEveryKindOfConnectionCarriesBytesBothWays(t *testing.T) {
	a := newAuthority(t)
	for _, useRSA := range []bool{false, true} {
		for _, mutual := range []bool{false, true} {
			cfg := a.server(t, useRSA, mutual)
			card := a.issue(t, "device", useRSA)
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				for _, chop := range []int{0, 1, 7} {
					t.Run(fmt.Sprintf("rsa=%v mutual=%v %s pieces=%d", useRSA, mutual, tls.VersionName(version), chop), func(t *testing.T) {
						ccfg := a.client()
						ccfg.MinVersion, ccfg.MaxVersion = version, version
						if mutual {
							ccfg.Certificates = []tls.Certificate{card}
						}
						p, end := serve(t, cfg, false, plenty(), chop)
						c := tls.Client(end, ccfg)
						must(t, c.Handshake())
						echoed(t, c, 1)
						echoed(t, c, 5000)
						if chop == 0 {
							echoed(t, c, 1<<20)
						}
						must(t, c.CloseWrite())
						if n, err := c.Read(make([]byte, 1)); err != io.EOF {
							t.Errorf("after close_notify both ways: read %d, %v; want io.EOF", n, err)
						}
						if err := p.result(t); err != io.EOF {
							t.Errorf("the stage ended with %v, want io.EOF", err)
						}
						if p.state.Version != version || p.state.NegotiatedProtocol != "mqtt" {
							t.Errorf("state: %s, protocol %q", tls.VersionName(p.state.Version), p.state.NegotiatedProtocol)
						}
						if got := len(p.state.PeerCertificates); mutual && (got != 1 || p.state.PeerCertificates[0].Subject.CommonName != "device") {
							t.Errorf("%d peer certificates: %v", got, p.state.PeerCertificates)
						}
					})
				}
			}
		}
	}
}
