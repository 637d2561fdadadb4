// Package haproxy tests penstock behind haproxy, which says by the PROXY protocol whom it forwards.
package haproxy

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/scripts/realclients/rig"
)

// route is a way through haproxy.
type route struct {
	bind    string // further words of the bind line, as ssl and its files
	rule    string // a line of the frontend, such as one that changes the source
	to      string // address of the broker
	options string // of the server line, such as send-proxy-v2
}

// start runs haproxy with one way through it and returns where it listens: on a socket that it inherits, so that no other
// program can have its port.
func start(t *testing.T, r route) (addr string) {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	socket, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	l.Close() // the socket has another descriptor
	config := fmt.Sprintf(`
defaults
	mode tcp
	timeout connect 20s
	timeout client 60s
	timeout server 60s
frontend clients
	bind fd@3 %s
	%s
	default_backend brokers
backend brokers
	server broker %s %s
`, r.bind, r.rule, r.to, r.options)
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	rig.Spawn(t, rig.Command{Name: program(t), Args: []string{"-db", "-f", file}, Files: []*os.File{socket}})
	return l.Addr().String()
}

// program finds haproxy where Debian has it, which is not in everybody's PATH.
func program(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("haproxy"); err == nil {
		return path
	}
	return "/usr/sbin/haproxy"
}

// from has haproxy say another source than the true one.
func from(addr string) string {
	fetch := "ipv4"
	if strings.Contains(addr, ":") {
		fetch = "ipv6"
	}
	return fmt.Sprintf("tcp-request connection set-src %s(%s)", fetch, addr)
}

// exchange has mosquitto's subscriber, under a name and from a loopback address, receive a message of its publisher, with
// arguments for both. While it is connected, meanwhile is called.
func exchange(t *testing.T, addr, id, source string, args []string, meanwhile func()) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	at := append([]string{"-A", source, "-h", host, "-p", port, "-t", id, "-q", "1"}, args...)
	s := rig.Spawn(t, rig.Command{Name: "stdbuf", Args: append([]string{"-oL", "mosquitto_sub", "-d", "-i", id, "-C", "1"}, at...)})
	s.Await("SUBACK", func(out string) bool { return strings.Contains(out, "Subscribed (mid: ") })
	meanwhile()
	rig.Run(t, rig.Command{Name: "mosquitto_pub", Args: append([]string{"-m", "hello"}, at...)})
	if code := s.Wait(); code != 0 || !strings.Contains(s.Out(), "\nhello\n") {
		t.Errorf("mosquitto_sub ended with exit code %d and printed %q, want the message", code, s.Out())
	}
}
