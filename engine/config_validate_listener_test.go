package engine

import (
	"strings"
	"testing"
)

func TestListenersThatValidate(t *testing.T) {
	for _, urls := range []string{
		"tcp://127.0.0.1:0 tcp://127.0.0.1:0 ws://127.0.0.1:0 ws://127.0.0.1:0",
		"tcp://127.0.0.1 tls://127.0.0.1?cert=c&key=k ws://127.0.0.1 wss://127.0.0.1?cert=c&key=k unix:///run/x.sock",
		"tls://h?cert=a,b&key=a,b&ocsp=,b&ca=ca&crl=crl",
		"tls://h?cert=c&key=k&ca=ca&client-auth=optional&min-tls=1.3&require-alpn=true",
		"tls://h?cert=c&key=k&client-auth=none",
		"wss://h/?cert=c&key=k&origins=https://example.org,*",
		"ws://h/a/b:c@d/?origins=http://localhost:3000",
		"unix:///run/x.sock?mode=0&proxy=unix",
		"unix:///run/x:0?mode=777 unix:///run/y:0",
		"unix:///" + strings.Repeat("x", 106),
		"tcp://h?proxy=10.0.0.0/8,::1&nagle=true&tcp-keep-alive=1m&tcp-user-timeout=1500ms",
		"tcp://h?tcp-keep-alive=32767&tcp-user-timeout=2147483647ms",
		"tcp://h?max-connections=1&max-connection-rate=1&max-connecting=1&max-connecting-per-address=1",
	} {
		c := DefaultConfig()
		if err := c.SetList("listeners", strings.Fields(urls)); err != nil {
			t.Errorf("%s: %v", urls, err)
		} else if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", urls, err)
		}
	}
}

func TestValidateNamesWhatIsWrongOfAListener(t *testing.T) {
	const pair = "?cert=c&key=k"
	for _, tt := range []struct{ urls, field, problem string }{
		{"tls://h", "0.cert", "must name a PEM file: a tls listener"},
		{"wss://h?key=k", "0.cert", "must name a PEM file: a wss listener"},
		{"tls://h?cert=c", "0.key", "must name as many files as cert, 1, has 0"},
		{"tls://h?cert=a,b&key=a", "0.key", "as many files as cert, 2, has 1"},
		{"tls://h?cert=a,&key=a,b", "0.cert", "an empty file name"},
		{"tls://h?cert=a,b&key=,b", "0.key", "an empty file name"},
		{"tls://h" + pair + "&ocsp=a,b", "0.ocsp", "no more files than cert, 1, has 2"},
		{"tls://h" + pair + "&crl=x", "0.crl", "needs ca"},
		{"tls://h" + pair + "&client-auth=require", "0.client_auth", "needs ca, the authorities of client certificates, to be require"},
		{"tls://h" + pair + "&client-auth=optional", "0.client_auth", "needs ca"},
		{"tls://h" + pair + "&ca=ca&client-auth=none", "0.client_auth", "must not be none where there is a ca"},
		{"tls://h" + pair + "&ca=ca&client-auth=some", "0.client_auth", `one of none, optional, require, is "some"`},
		{"wss://h" + pair + "&min-tls=1.1", "0.min_tls", `one of 1.2, 1.3, is "1.1"`},
		{"tcp://h?cert=c", "0.cert", "only tls and wss listeners have certificates: this one is tcp"},
		{"ws://h?key=k", "0.key", "only tls and wss listeners have certificates: this one is ws"},
		{"unix:///x?ocsp=x", "0.ocsp", "only tls and wss"},
		{"tcp://h?ca=x", "0.ca", "only tls and wss"},
		{"tcp://h?crl=x", "0.crl", "only tls and wss"},
		{"tcp://h?client-auth=none", "0.client_auth", "only tls and wss"},
		{"ws://h?min-tls=1.2", "0.min_tls", "only tls and wss listeners speak TLS"},
		{"ws://h?require-alpn=true", "0.require_alpn", "only tls and wss listeners speak TLS"},
		{"tls://h" + pair + "&origins=*", "0.origins", "only ws and wss listeners speak WebSocket: this one is tls"},
		{"ws://h/a%20b", "0.path", `must begin with / and hold nothing that is escaped in a URL, is "/a%20b"`},
		{"ws://h/%6Dqtt", "0.path", "nothing that is escaped"},
		{"ws://h?origins=*,example.org", "0.origins", `has "example.org": an origin begins with the scheme`},
		{"ws://h?origins=https://example.org/", "0.origins", `has "https://example.org/": an origin ends with the host`},
		{"tcp://h?mode=0600", "0.mode", "only unix listeners have a permission: this one is tcp"},
		{"unix:///x?mode=0o1777", "0.mode", "octal, up to 0777"},
		{"unix:///x?mode=rw", "0.mode", "octal"},
		{"unix:///x?mode=-600", "0.mode", "octal"},
		{"unix:///x?nagle=true", "0.nagle", "unix listeners do not speak TCP"},
		{"unix:///x?tcp-keep-alive=1", "0.tcp_keep_alive", "do not speak TCP"},
		{"unix:///x?tcp-user-timeout=1", "0.tcp_user_timeout", "do not speak TCP"},
		{"tcp://h?tcp-keep-alive=1500ms", "0.tcp_keep_alive", "whole seconds from 0 to 32767"},
		{"tcp://h?tcp-keep-alive=-1", "0.tcp_keep_alive", "whole seconds"},
		{"tcp://h?tcp-keep-alive=32768", "0.tcp_keep_alive", "whole seconds"},
		{"tcp://h?tcp-user-timeout=1500us", "0.tcp_user_timeout", "whole milliseconds from 0 to"},
		{"tcp://h?tcp-user-timeout=-1s", "0.tcp_user_timeout", "whole milliseconds"},
		{"tcp://h?tcp-user-timeout=2147483648ms", "0.tcp_user_timeout", "whole milliseconds"},
		{"tcp://h?max-connection-rate=-1", "0.max_connection_rate", "at least 0, is -1"},
		{"tcp://h?max-connecting=-1", "0.max_connecting", "at least 0"},
		{"tcp://h?max-connecting-per-address=-1", "0.max_connecting_per_address", "at least 0"},
		{"tcp://h?proxy=10.0.0.0/99", "0.proxy", `networks such as 10.0.0.0/8, addresses or unix, has "10.0.0.0/99"`},
		{"tcp://h?proxy=10.0.0.1/8", "0.proxy", "the network is 10.0.0.0/8"},
		{"tcp://h?proxy=unix", "0.proxy", "has unix, which is for unix listeners: this one is tcp"},
		{"unix:///x?proxy=unix,10.0.0.0/8", "0.proxy", "has 10.0.0.0/8, but peers of a unix socket have no address"},
		{"unix:///run/", "0.address", "absolute path"},
		{"unix:////run/x", "0.address", "absolute path"},
		{"unix:///run/../x", "0.address", "absolute path"},
		{"unix:///a%00", "0.address", "absolute path"},
		{"unix:///" + strings.Repeat("x", 107), "0.address", "at most 107 bytes, has 108"},
		{"tcp://h:01883", "0.address", "a port from 0 to 65535"},
		{"tcp://h tls://h:1883" + pair, "1.address", `unique: another listener is on "h:1883"`},
		{"ws://h/a ws://h/b", "1.address", "unique"},
		{"unix:///x unix:///x", "1.address", "unique"},
		{"tcp://h:0?name=a ws://h:0?name=a", "1.name", `unique: another listener is "a"`},
		{"tcp://h:1?name=tcp://h:2 tcp://h:2", "1.name", "unique"},
	} {
		c := DefaultConfig()
		if err := c.SetList("listeners", strings.Fields(tt.urls)); err != nil {
			t.Errorf("%s: %v", tt.urls, err)
			continue
		}
		checkFieldError(t, c.Validate(), "listeners."+tt.field, tt.problem, tt.urls)
	}
}

func TestValidateLooksAtWhatNoURLCanSay(t *testing.T) {
	for _, tt := range []struct {
		l              Listener
		field, problem string
	}{
		{Listener{Kind: KindUnix, Address: "@penstock"}, "address", "an abstract socket"},
		{Listener{Kind: KindUnix, Address: "\x00penstock"}, "address", "an abstract socket"},
		{Listener{Kind: KindUnix, Address: "penstock.sock"}, "address", "an absolute path"},
		{Listener{Kind: KindUnix}, "address", "an absolute path"},
		{Listener{Kind: KindWS, Address: "/run/x"}, "address", "host:port"},
		{Listener{Kind: KindWS, Address: "h:1", Path: "mqtt"}, "path", "must begin with /"},
		{Listener{Kind: KindWS, Address: "h:1", Path: "/mqtt?x"}, "path", "escaped"},
		{Listener{Kind: KindWS, Address: "h:1", Path: "/mqtt#x"}, "path", "escaped"},
		{Listener{Kind: KindTLS, Address: "h:1", Path: "/mqtt"}, "path", "only ws and wss"},
		{Listener{Kind: KindUnix, Address: "/x", Path: "/mqtt"}, "path", "only ws and wss"},
	} {
		c := DefaultConfig()
		c.Listeners = []Listener{tt.l}
		checkFieldError(t, c.Validate(), "listeners.0."+tt.field, tt.problem, tt.l.URL())
	}
}
