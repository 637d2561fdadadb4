package admin

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAConfigurationThatLeavesADoorOpenIsRefused(t *testing.T) {
	for _, tt := range []struct {
		cfg  Config
		want string // the field, empty: it is good
	}{
		{Config{}, ""},
		{Config{Listen: []string{"localhost:1"}}, ""},
		{Config{Listen: []string{"[::1]:0"}}, ""},
		{Config{Listen: []string{Off}}, ""},
		{Config{Listen: []string{"0.0.0.0:1"}, Token: token}, ""},
		{Config{Listen: []string{":1"}, TokenFile: "f"}, ""},
		{Config{Listen: []string{":1"}, TLS: TLS{Cert: "c", Key: "k", ClientCA: "a"}}, ""},
		{Config{Listen: []string{"0.0.0.0:1"}}, "admin.listen"},
		{Config{Listen: []string{":1"}}, "admin.listen"},
		{Config{Listen: []string{"127.0.0.1:1", "broker.example:1"}}, "admin.listen"},
		{Config{Listen: []string{":1"}, TLS: TLS{Cert: "c", Key: "k"}}, "admin.listen"},
		{Config{Listen: []string{"127.0.0.1"}}, "admin.listen"},
		{Config{Token: "short"}, "admin.token"},
		{Config{Token: token, TokenFile: "f"}, "admin.token_file"},
		{Config{TLS: TLS{Cert: "c"}}, "admin.tls"},
		{Config{TLS: TLS{ClientCA: "a"}}, "admin.tls.client_ca"},
		{Config{Hosts: []string{"http://x"}}, "admin.hosts"},
	} {
		err := tt.cfg.Validate()
		if got := tt.want == "" && err == nil || tt.want != "" && err != nil && strings.HasPrefix(err.Error(), tt.want+": "); !got {
			t.Errorf("%+v: got %v, want a complaint about %q", tt.cfg, err, tt.want)
		}
	}
}

func TestATokenFileIsReadAndChecked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	cfg := Config{TokenFile: path}
	if _, err := cfg.read(); err == nil || !strings.HasPrefix(err.Error(), "admin.token_file: ") {
		t.Errorf("no file: got %v, want a complaint about admin.token_file", err)
	}
	for text, good := range map[string]bool{"": false, "short\n": false, token + "\n": true} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := cfg.read()
		if (err == nil) != good || good && !s.knows(token) {
			t.Errorf("file %q: got %v, want good: %v", text, err, good)
		}
	}
}
