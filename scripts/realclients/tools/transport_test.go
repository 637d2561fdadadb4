package tools

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/penstock-mqtt/penstock/scripts/realclients/rig"
)

// What goes over TCP goes over the other transports that both families know.
func TestEveryTransportCarriesMessages(t *testing.T) {
	t.Parallel()
	p := rig.Certificates(t)
	socket := filepath.Join(t.TempDir(), "penstock.sock")
	b := rig.Start(t, "--listen", p.Listen("tls"), "--listen", p.Listen("tls", "ca", "ca.crt", "require_alpn", "true"), "--listen", "unix://"+socket)
	ca := []string{"--cafile", p.File("ca.crt")}
	open := append(at(b.At("tls")), ca...)
	mutual := slices.Concat(at(strings.TrimPrefix(b.URLs[2], "tls://")), ca,
		[]string{"--tls-alpn", "mqtt", "--cert", p.File("device-1.crt"), "--key", p.File("device-1.key")})
	for _, way := range []struct {
		name string
		at   []string
	}{
		{"TLS 1.2", slices.Concat(open, []string{"--tls-version", "tlsv1.2"})},
		{"TLS 1.3", slices.Concat(open, []string{"--tls-version", "tlsv1.3"})},
		{"client certificates in TLS 1.2", slices.Concat(mutual, []string{"--tls-version", "tlsv1.2"})},
		{"client certificates in TLS 1.3", slices.Concat(mutual, []string{"--tls-version", "tlsv1.3"})},
		{"unix socket", []string{"--unix", socket}},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			eachPairAt(t, way.at, carried)
		})
	}
}

// carried sends small messages and a large one at every QoS, in both versions of today, and lets a subscriber die.
func carried(t *testing.T, p pair) {
	large := strings.Repeat("0123456789", 30_000)
	file := filepath.Join(t.TempDir(), "payload")
	if err := os.WriteFile(file, []byte(large), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"311", "5"} {
		topic := topic(t) + "/" + version
		s := p.Sub(t, "-V", version, "-q", "2", "-t", topic, "-F", "%q %p", "-C", "6")
		var want []string
		for qos := range 3 {
			q := strconv.Itoa(qos)
			p.Pub(t, "-V", version, "-q", q, "-t", topic, "-m", "small")
			s.Messages(2*qos + 1)
			p.Pub(t, "-V", version, "-q", q, "-t", topic, "-f", file)
			s.Messages(2*qos + 2)
			want = append(want, q+" small", q+" "+large)
		}
		if got := s.Messages(6); !slices.Equal(got, want) {
			t.Errorf("version %s: got %d messages that begin with %.100q, want %.100q", version, len(got), got, want)
		}
		s.Wait()

		watch := p.Sub(t, "-V", version, "-t", topic+"/will", "-C", "1")
		dies := p.Sub(t, "-V", version, "-t", topic, "--will-topic", topic+"/will", "--will-payload", "died")
		dies.Signal(syscall.SIGKILL)
		dies.Wait()
		watch.Want(t, "died")
	}
}

// Who does not fit is let in by neither side, and the broker says why.
func TestClientsThatDoNotFit(t *testing.T) {
	t.Parallel()
	p := rig.Certificates(t)
	who := func(authority, name string) []string {
		return []string{"--cafile", p.File(authority + ".crt"), "--cert", p.File(name + ".crt"), "--key", p.File(name + ".key")}
	}
	for _, c := range []struct {
		name, reason string // for which the broker refuses it; none when the client turns away
		args         []string
	}{
		{"another authority than the server's", "", who("other", "device-1")},
		{"another authority than the client's", "tls_certificate", who("ca", "stranger")},
		{"no certificate", "tls_no_certificate", []string{"--cafile", p.File("ca.crt")}},
		{"another protocol", "tls_alpn", append(who("ca", "device-1"), "--tls-alpn", "h2")},
		{"no TLS", "tls_not_tls", nil},
	} {
		for _, tool := range []tool{mosquitto(), penstock(t)} {
			t.Run(tool.name+" "+c.name, func(t *testing.T) {
				t.Parallel()
				b := rig.Start(t, "--listen", p.Listen("tls", "ca", "ca.crt"))
				one := pair{at(b.At("tls")), tool, tool}
				if code := rig.Spawn(t, one.command(tool.pub, slices.Concat(c.args, []string{"-t", "a", "-m", "x"}))).Wait(); code == 0 {
					t.Error("the client ended with exit code 0")
				}
				reason := c.reason
				if reason == "tls_certificate" && tool.name == "penstock" {
					reason = "tls_no_certificate" // it presents none that the server's list of authorities excludes
				}
				if reason != "" {
					b.AwaitLog("reason=" + reason + " ")
				}
			})
		}
	}
}
