package engine

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

func TestProxiesAreNetworksAddressesOrUnix(t *testing.T) {
	for _, tt := range []struct {
		entries string
		want    string // networks, by commas
		unix    bool
	}{
		{"10.0.0.0/8,192.0.2.1,fd00::/8,::1", "10.0.0.0/8,192.0.2.1/32,fd00::/8,::1/128", false},
		{"::ffff:10.0.0.0/104,::ffff:192.0.2.1", "10.0.0.0/8,192.0.2.1/32", false},
		{"0.0.0.0/0,::/0", "0.0.0.0/0,::/0", false},
		{"unix", "", true},
	} {
		var want []netip.Prefix
		for s := range strings.SplitSeq(tt.want, ",") {
			if s != "" {
				want = append(want, netip.MustParsePrefix(s))
			}
		}
		got, unix, err := parseProxy(strings.Split(tt.entries, ","))
		if err != nil || unix != tt.unix || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, %v, %v, want %v, %v", tt.entries, got, unix, err, want, tt.unix)
		}
	}
}

func TestAProxyThatIsNoneIsNamed(t *testing.T) {
	for _, tt := range []struct{ entry, problem string }{
		{"", `has ""`},
		{"10.0.0.0/33", `has "10.0.0.0/33"`},
		{"10.0.0.0-10.0.0.9", "must be networks such as 10.0.0.0/8"},
		{"proxy.example", "must be networks"},
		{"fe80::1%eth0", "must be networks"},
		{"10.1.0.0/8", "the network is 10.0.0.0/8"},
		{"::ffff:10.1.0.0/104", "the network is 10.0.0.0/8"},
	} {
		_, _, err := parseProxy([]string{"127.0.0.1", tt.entry})
		if err == nil || !strings.Contains(err.Error(), tt.problem) {
			t.Errorf("%q: got %v, want %q", tt.entry, err, tt.problem)
		}
	}
}
