package haproxy

import (
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/scripts/realclients/rig"
)

var versions = map[string]string{"v1": "send-proxy", "v2": "send-proxy-v2"}

// Without credentials one comes from loopback: it is the client's address that counts, not haproxy's.
func TestAnonymousClientBehindTheProxyIsJudgedByItsOwnAddress(t *testing.T) {
	t.Parallel()
	p := rig.Certificates(t)
	b := rig.Start(t, "--set", "listeners.0.proxy=127.0.0.0/8", "--listen", p.Listen("tls", "proxy", "127.0.0.0/8"))
	for version, options := range versions {
		for _, source := range []string{"203.0.113.9", "2001:db8::7"} {
			for to, args := range map[string][]string{b.Addr: nil, b.At("tls"): {"--cafile", p.File("ca.crt")}} {
				t.Run(version+" "+source, func(t *testing.T) {
					t.Parallel()
					if got := publish(t, start(t, route{rule: from(source), to: to, options: options}), args); got != 5 {
						t.Errorf("mosquitto_pub: exit code %d, want 5: not authorized", got)
					}
				})
			}
		}
		t.Run(version+" loopback", func(t *testing.T) {
			t.Parallel()
			exchange(t, start(t, route{rule: from("127.9.9.9"), to: b.Addr, options: options}), version, "127.0.0.1", nil, func() {})
		})
	}
}

// publish runs mosquitto's publisher and returns its exit code.
func publish(t *testing.T, addr string, args []string) int {
	t.Helper()
	host, port, _ := strings.Cut(addr, ":")
	return rig.Spawn(t, rig.Command{Name: "mosquitto_pub", Args: append([]string{"-h", host, "-p", port, "-V", "311", "-t", "t", "-m", "x"}, args...)}).Wait()
}

// With everybody let in the address shows where it is asked for.
func TestAddressBeyondLoopback(t *testing.T) {
	t.Parallel()
	admin := rig.NewAdminSocket(t)
	b := rig.Start(t, append(admin.Args(), "--set", "listeners.0.proxy=127.0.0.1", "--set", "auth.anonymous=always")...)
	for version, options := range versions {
		for source, want := range map[string]string{"203.0.113.9": "203.0.113.9:", "2001:db8::7": "[2001:db8::7]:"} {
			id := version + "-from-" + source
			t.Run(id, func(t *testing.T) {
				t.Parallel()
				exchange(t, start(t, route{rule: from(source), to: b.Addr, options: options}), id, "127.0.0.1", nil, func() {
					if got := admin.Remote(t, id); !strings.HasPrefix(got, want) {
						t.Errorf("penstock ctl clients says the client is %s, want %s and a port", got, want)
					}
				})
			})
		}
	}
}

// A header of somebody who is not trusted is no MQTT; and who is trusted has to send one.
func TestHeadersOfOthersAreRefused(t *testing.T) {
	t.Parallel()
	p := rig.Certificates(t)
	for version, options := range versions {
		for _, c := range []struct {
			name, kind, query, options string
			says                       string // the broker's log
			args                       []string
		}{
			{name: "nobody is trusted", kind: "tcp", options: options, says: "the first packet is no CONNECT"},
			{name: "somebody else is trusted", kind: "tcp", query: "proxy=192.0.2.0/24", options: options, says: "the first packet is no CONNECT"},
			{name: "TLS is expected", kind: "tls", options: options, says: "reason=tls_not_tls", args: []string{"--cafile", p.File("ca.crt")}},
			{name: "the header is missing", kind: "tcp", query: "proxy=127.0.0.1", says: "reason=proxy_missing"},
		} {
			t.Run(version+" "+c.name, func(t *testing.T) {
				t.Parallel()
				listen := "tcp://127.0.0.1:0?" + c.query
				if c.kind == "tls" {
					listen = p.Listen("tls")
				}
				b := rig.Start(t, "--listen", listen)
				to := strings.TrimPrefix(b.URLs[1], c.kind+"://")
				if publish(t, start(t, route{rule: from("127.9.9.9"), to: to, options: c.options}), c.args) == 0 {
					t.Error("mosquitto_pub ended with exit code 0")
				}
				b.AwaitLog(c.says)
			})
		}
	}
}
