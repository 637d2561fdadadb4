package codec

import (
	"strings"
	"testing"
)

func TestOriginIsAllowed(t *testing.T) {
	own := func(host string) bool { return host == "broker.lan" || host == "192.168.1.5" || host == "fd00::5" }
	listed := []string{"https://example.org", "http://App.Example.org:8080", "https://[2001:db8::1]", "capacitor://localhost", "https://example.net:443"}
	for _, c := range []struct {
		origin  string
		allowed []string
		want    bool
	}{
		// no list: loopback hosts and our own
		{"http://localhost", nil, true},
		{"http://localhost:3000", nil, true},
		{"https://LOCALHOST:3000", nil, true},
		{"http://localhost.", nil, true},
		{"http://dev.localhost:5173", nil, true},
		{"http://localhost.evil.example", nil, false},
		{"http://notlocalhost", nil, false},
		{"http://127.0.0.1", nil, true},
		{"http://127.8.9.10:80", nil, true},
		{"http://127.0.0.1.evil.example", nil, false},
		{"http://127.1", nil, false},
		{"http://128.0.0.1", nil, false},
		{"http://0.0.0.0", nil, false},
		{"http://[::1]:8080", nil, true},
		{"http://[0:0:0:0:0:0:0:1]", nil, true},
		{"http://[::ffff:127.0.0.1]", nil, true},
		{"http://[::2]", nil, false},
		{"http://[::1%25lo]", nil, false},
		{"http://broker.lan", nil, true},
		{"https://Broker.LAN:8443", nil, true},
		{"http://broker.lan.evil.example", nil, false},
		{"http://192.168.1.5:8080", nil, true},
		{"http://[FD00:0::5]", nil, true},
		{"https://example.org", nil, false},
		{"capacitor://localhost", nil, false},
		{"file://", nil, false},
		{"file://localhost", nil, false},
		{"null", nil, false},
		{"", nil, false},
		{"http://localhost/", nil, false},
		{"http://localhost@evil.example", nil, false},
		{"http://localhost evil.example", nil, false},
		{"http://localhost,http://evil.example", nil, false},
		{"localhost", nil, false},
		{"://localhost", nil, false},

		// a list says all there is to say
		{"https://example.org", listed, true},
		{"https://example.org:443", listed, true},
		{"HTTPS://EXAMPLE.ORG", listed, true},
		{"https://example.net", listed, true},
		{"http://example.org", listed, false},
		{"https://example.org:8443", listed, false},
		{"https://sub.example.org", listed, false},
		{"https://example.org.", listed, false},
		{"http://app.example.org:8080", listed, true},
		{"http://app.example.org", listed, false},
		{"https://[2001:DB8:0:0::1]:443", listed, true},
		{"capacitor://localhost", listed, true},
		{"http://localhost", listed, false},
		{"http://broker.lan", listed, false},
		{"null", listed, false},

		// a star says yes to anything
		{"https://evil.example", []string{"*"}, true},
		{"null", []string{"*"}, true},
		{"", []string{"https://example.org", "*"}, true},
		{"not an origin", []string{"*"}, true},
	} {
		o, err := ParseOrigins(c.allowed)
		if err != nil {
			t.Fatalf("ParseOrigins(%q): %v", c.allowed, err)
		}
		if got := o.Allow(c.origin, own); got != c.want {
			t.Errorf("%q with %q: allowed %t, want %t", c.origin, c.allowed, got, c.want)
		}
	}
	if (Origins{}).Allow("http://broker.lan", nil) {
		t.Error("without own hosts, a page of another host is allowed")
	}
}

func TestOriginsOfAConfigurationAreChecked(t *testing.T) {
	for _, c := range []struct{ origin, want string }{ // want: a part of the error
		{"example.org", "begins with the scheme"},
		{"", "begins with the scheme"},
		{"null", "begins with the scheme"},
		{"1http://example.org", "begins with the scheme"},
		{"ht tp://example.org", "begins with the scheme"},
		{"wss://example.org", "rather than wss://"},
		{"https://example.org/", "no path"},
		{"https://example.org/app", "no path"},
		{"https://example.org?x", "no path"},
		{"https://user@example.org", "names no user"},
		{"https://", "names a host"},
		{"https://:8443", "names a host"},
		{"https://*.example.org", "no wildcards"},
		{"https://münchen.de", "xn--"},
		{"https://example.org:", "port"},
		{"https://example.org:0", "port"},
		{"https://example.org:65536", "port"},
		{"https://example.org:+80", "port"},
		{"https://example.org:https", "port"},
		{"https://2001:db8::1", "in brackets"},
		{"https://[2001:db8::1", "IPv6"},
		{"https://[example.org]", "IPv6"},
		{"https://[127.0.0.1]", "IPv6"},
		{"https://[fe80::1%eth0]", "IPv6"},
		{"https://[::1]x", "IPv6"},
	} {
		_, err := ParseOrigins([]string{"https://example.org", c.origin})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want one with %q", c.origin, err, c.want)
		} else if c.origin != "" && c.origin != "https://münchen.de" && !strings.Contains(err.Error(), c.origin) {
			t.Errorf("%q: the error does not name it: %v", c.origin, err)
		}
	}
}
