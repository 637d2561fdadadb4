package codec

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// heard collects what a program prints.
type heard struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.b.Write(p)
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.b.String()
}

// onSocket serves one connection of a socket.
func onSocket(t *testing.T, a *authority, chop int) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { ln.Close() })
	_, end := serve(t, a.server(t, false, true), false, plenty(), chop)
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() { io.Copy(c, end); c.Close() }()
		io.Copy(end, c)
		end.Close()
	}()
	return ln.Addr().String()
}

func TestOpenSSLSpeaksWithTheStageAndUpdatesItsKeys(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatalf("this test needs openssl: %v", err)
	}
	a := newAuthority(t)
	card := a.issue(t, "openssl", false)
	key, err := x509.MarshalPKCS8PrivateKey(card.PrivateKey)
	must(t, err)
	dir := t.TempDir()
	cardFile, caFile := filepath.Join(dir, "card.pem"), filepath.Join(dir, "ca.pem")
	must(t, os.WriteFile(cardFile, append(
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: card.Certificate[0]}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...), 0o600))
	must(t, os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}), 0o600))
	for _, c := range []struct {
		version string
		chop    int
		say     []string
	}{
		{"-tls1_2", 0, []string{"hello"}},
		{"-tls1_3", 0, []string{"hello", "K", "after K", "k", "after k"}},
		{"-tls1_3", 1, []string{"hello", "K", "after K", "k", "after k", "K", "after both"}},
	} {
		cmd := exec.CommandContext(t.Context(), openssl, "s_client", "-connect", onSocket(t, a, c.chop), "-CAfile", caFile,
			"-cert", cardFile, "-key", cardFile, "-alpn", "mqtt", "-servername", "broker", c.version)
		in, err := cmd.StdinPipe()
		must(t, err)
		var out heard
		cmd.Stdout, cmd.Stderr = &out, &out
		must(t, cmd.Start())
		await(t, "openssl has shaken hands", func() bool { return strings.Contains(out.String(), "Verify return code:") })
		updates := 0
		for _, line := range c.say {
			want, times := line, 1
			if strings.EqualFold(line, "k") { // one of its commands
				updates++
				want, times = "KEYUPDATE", updates
			}
			_, err := io.WriteString(in, line+"\n")
			must(t, err)
			await(t, c.version+": "+line, func() bool { return strings.Count(out.String(), want) >= times })
		}
		_, err = io.WriteString(in, "Q\n")
		must(t, err)
		_ = cmd.Wait()
		for _, want := range []string{"ALPN protocol: mqtt", "Verify return code: 0 (ok)"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: openssl does not say %q:\n%s", c.version, want, out.String())
			}
		}
	}
}
