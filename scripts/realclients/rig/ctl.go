package rig

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// AdminSocket is where a broker lets its operator in, if Start is given its Args.
type AdminSocket struct{ path string }

// NewAdminSocket is a path that is short enough for a socket, whatever the test is called.
func NewAdminSocket(t testing.TB) AdminSocket {
	t.Helper()
	dir, err := os.MkdirTemp("", "penstock")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return AdminSocket{filepath.Join(dir, "admin.sock")}
}

// Args have a broker open the socket.
func (a AdminSocket) Args() []string { return []string{"--set", "admin.socket=" + a.path} }

// Remote is the address of a connected client, as the broker sees it.
func (a AdminSocket) Remote(t testing.TB, clientID string) string {
	t.Helper()
	out := Run(t, Command{Name: Program(t), Args: []string{"ctl", "--socket", a.path, "--json", "clients"}})
	for lines := bufio.NewScanner(strings.NewReader(out)); lines.Scan(); {
		var c struct {
			ClientID string `json:"client_id"`
			Remote   string `json:"remote"`
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatalf("penstock ctl clients printed %q: %v", lines.Text(), err)
		}
		if c.ClientID == clientID {
			return c.Remote
		}
	}
	t.Fatalf("penstock ctl clients knows no client %s: %s", clientID, out)
	return ""
}
