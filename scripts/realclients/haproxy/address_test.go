package haproxy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/scripts/realclients/rig"
)

// The broker sees the client's own address, not haproxy's, and haproxy's own checks disturb nobody.
func TestAddressOfTheClient(t *testing.T) {
	t.Parallel()
	p := rig.Certificates(t)
	admin := rig.NewAdminSocket(t)
	socket := filepath.Join(t.TempDir(), "broker.sock")
	b := rig.Start(t, append(admin.Args(), "--listen", "tcp://127.0.0.1:0?proxy=127.0.0.0/8", "--listen", p.Listen("tls", "proxy", "127.0.0.0/8"),
		"--listen", "unix://"+socket+"?proxy=unix&auth=always")...)
	trust := []string{"--cafile", p.File("ca.crt")}
	pem := filepath.Join(t.TempDir(), "server.pem") // haproxy wants both in one file
	join(t, pem, p.File("server.crt"), p.File("server.key"))
	terminates := "ssl crt " + pem + " ca-file " + p.File("ca.crt") + " verify required"
	mutual := slices.Concat(trust, []string{"--cert", p.File("device-1.crt"), "--key", p.File("device-1.key")})
	plain := strings.TrimPrefix(b.URLs[1], "tcp://")
	for _, c := range []struct {
		id   string
		via  route
		args []string
	}{
		{"v1", route{to: plain, options: "send-proxy check check-send-proxy inter 100ms"}, nil},
		{"v2", route{to: plain, options: "send-proxy-v2 check check-send-proxy inter 100ms"}, nil},
		{"v1-before-tls", route{to: b.At("tls"), options: "send-proxy"}, trust},
		{"v2-before-tls", route{to: b.At("tls"), options: "send-proxy-v2"}, trust},
		{"v2-with-what-tls-said", route{bind: terminates, to: plain, options: "send-proxy-v2-ssl-cn"}, mutual},
		{"v2-with-all-it-can-say", route{bind: terminates, to: plain, options: "send-proxy-v2 proxy-v2-options ssl,cert-cn,ssl-cipher,cert-sig,cert-key,authority,crc32c,unique-id"}, mutual},
		{"v2-over-unix", route{to: "unix@" + socket, options: "send-proxy-v2"}, nil},
	} {
		t.Run(c.id, func(t *testing.T) {
			t.Parallel()
			exchange(t, start(t, c.via), c.id, "127.0.0.7", c.args, func() {
				if got := admin.Remote(t, c.id); !strings.HasPrefix(got, "127.0.0.7:") {
					t.Errorf("penstock ctl clients says the client is %s, want 127.0.0.7 and a port", got)
				}
			})
		})
	}
}

func join(t *testing.T, file string, parts ...string) {
	t.Helper()
	var all []byte
	for _, part := range parts {
		b, err := os.ReadFile(part)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	if err := os.WriteFile(file, all, 0o600); err != nil {
		t.Fatal(err)
	}
}
