package engine

import (
	"io/fs"
	"reflect"
	"strings"
	"testing"
)

func TestParseListener(t *testing.T) {
	for _, tt := range []struct {
		url  string
		want Listener
	}{
		{"tcp://127.0.0.1:1883", Listener{Kind: KindTCP, Address: "127.0.0.1:1883"}},
		{"tcp://127.0.0.1", Listener{Kind: KindTCP, Address: "127.0.0.1:1883"}},
		{"tcp://127.0.0.1:0/", Listener{Kind: KindTCP, Address: "127.0.0.1:0"}},
		{"tcp://:1883", Listener{Kind: KindTCP, Address: ":1883"}},
		{"tcp://[::1]:1884", Listener{Kind: KindTCP, Address: "[::1]:1884"}},
		{"tls://127.0.0.1", Listener{Kind: KindTLS, Address: "127.0.0.1:8883"}},
		{"tls://[::1]/", Listener{Kind: KindTLS, Address: "[::1]:8883"}},
		{"ws://127.0.0.1", Listener{Kind: KindWS, Address: "127.0.0.1:8083"}},
		{"ws://127.0.0.1/", Listener{Kind: KindWS, Address: "127.0.0.1:8083", Path: "/"}},
		{"ws://:8083/mqtt", Listener{Kind: KindWS, Address: ":8083", Path: "/mqtt"}},
		{"wss://h/a/b?origins=https://x.example,https://y.example", Listener{
			Kind: KindWSS, Address: "h:8084", Path: "/a/b", Origins: []string{"https://x.example", "https://y.example"}}},
		{"unix:///run/penstock.sock", Listener{Kind: KindUnix, Address: "/run/penstock.sock"}},
		{"unix:///run/a%20b?mode=0600&proxy=unix", Listener{Kind: KindUnix, Address: "/run/a b", Mode: "0600", Proxy: []string{"unix"}}},
		{"tcp://localhost?name=field&versions=4,5&max_connections=100&mountpoint=site/1/&auth=always", Listener{
			Name: "field", Kind: KindTCP, Address: "localhost:1883", Versions: []int{4, 5}, MaxConnections: 100,
			Mountpoint: "site/1/", Auth: AnonymousAlways}},
		{"tls://127.0.0.1:8883?cert=server.crt&key=server.key&ca=ca.crt&client-auth=require&min-tls=1.3&require-alpn=true", Listener{
			Kind: KindTLS, Address: "127.0.0.1:8883", Cert: []string{"server.crt"}, Key: []string{"server.key"}, CA: "ca.crt",
			ClientAuth: ClientAuthRequire, MinTLS: TLS13, RequireALPN: true}},
		{"tcp://h?proxy=10.0.0.0/8&proxy=::1,fd00::/8&versions=4&versions=5", Listener{
			Kind: KindTCP, Address: "h:1883", Proxy: []string{"10.0.0.0/8", "::1", "fd00::/8"}, Versions: []int{4, 5}}},
	} {
		got, err := ParseListener(tt.url)
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("ParseListener(%q) = %+v, %v, want %+v", tt.url, got, err, tt.want)
		}
	}
}

func TestParseListenerSaysWhatIsWrong(t *testing.T) {
	for _, tt := range []struct{ url, problem string }{
		{"127.0.0.1:1883", "not a URL such as"},
		{"1883", `unknown kind ""`},
		{"localhost:1883", `unknown kind "localhost" (known: tcp, tls, ws, wss, unix)`},
		{"tcp://", "no address, as in tcp://127.0.0.1:1883"},
		{"tcp:///path", "no address"},
		{"wss:///mqtt", "no address, as in wss://127.0.0.1:8084"},
		{"tcp://h:1/path", "address and query keys only"},
		{"tls://h:1/mqtt", "a path is for ws and wss"},
		{"tcp://user@h:1", "address and query keys only"},
		{"ws://user@h:1/mqtt", "address and query keys only"},
		{"tcp://h:1#x", "address and query keys only"},
		{"tcp://h:port", "not a URL"},
		{"unix:penstock.sock", "absolute path, as in unix:///run/penstock.sock"},
		{"unix:/run/penstock.sock#x", "a path and query keys only"},
		{"unix://run/penstock.sock", "absolute path"},
		{"unix://", "absolute path"},
		{"unix://@penstock", "no abstract socket"},
		{"tcp://h:1?max_conections=1", "max_conections: unknown key (known here: name,"},
		{"tcp://h:1?max_connections=1&max_connections=2", "max_connections: stands more than once"},
		{"tcp://h:1?max_connections=1&max-connections=2", "max_connections: stands more than once"},
		{"tcp://h:1?versions.0=4", "versions.0: unknown key"},
		{"tcp://h:1?max_connections=many", "max_connections: must be a whole number"},
		{"tcp://h:1?address=h:2", "address: is said by the URL itself"},
		{"tcp://h:1?kind=tcp", "kind: is said by the URL itself"},
		{"ws://h:1?path=/mqtt", "path: is said by the URL itself"},
		{"tcp://h:1?a;b", "semicolon"},
	} {
		l, err := ParseListener(tt.url)
		if err == nil || !strings.Contains(err.Error(), tt.problem) || !strings.Contains(err.Error(), tt.url) {
			t.Errorf("ParseListener(%q) = %+v, %v, want an error with the URL and %q", tt.url, l, err, tt.problem)
		}
	}
}

func TestTheURLOfAListenerSaysWhereItIs(t *testing.T) {
	for _, tt := range []struct{ from, want string }{
		{"tcp://127.0.0.1?versions=4", "tcp://127.0.0.1:1883"},
		{"tls://[::1]:0?cert=a", "tls://[::1]:0"},
		{"ws://127.0.0.1", "ws://127.0.0.1:8083/mqtt"},
		{"wss://h/?origins=*", "wss://h:8084/"},
		{"wss://h/a/b", "wss://h:8084/a/b"},
		{"unix:///run/penstock.sock?mode=0600", "unix:///run/penstock.sock"},
	} {
		if l, err := ParseListener(tt.from); err != nil || l.URL() != tt.want || l.Title() != tt.want {
			t.Errorf("%q: got %q, %v, want %q", tt.from, l.URL(), err, tt.want)
		}
	}
}

func TestAListenerKnowsWhatItsKindMeans(t *testing.T) {
	for _, tt := range []struct {
		kind                Kind
		secure, web, isPort bool
	}{
		{"", false, false, true}, {KindTCP, false, false, true}, {KindTLS, true, false, true},
		{KindWS, false, true, true}, {KindWSS, true, true, true}, {KindUnix, false, false, false},
	} {
		l := Listener{Kind: tt.kind, Address: "/tmp/x:0"}
		if l.secure() != tt.secure || l.web() != tt.web || l.anyPort() != tt.isPort {
			t.Errorf("%q: secure %v, web %v, any port %v, want %+v", tt.kind, l.secure(), l.web(), l.anyPort(), tt)
		}
	}
}

func TestWhatAListenerLeavesOpenHasADefault(t *testing.T) {
	for _, tt := range []struct {
		l    Listener
		auth ClientAuth
		path string
		mode fs.FileMode
	}{
		{Listener{}, ClientAuthNone, "/mqtt", 0o660},
		{Listener{CA: "ca.crt", Path: "/", Mode: "0600"}, ClientAuthRequire, "/", 0o600},
		{Listener{CA: "ca.crt", ClientAuth: ClientAuthOptional, Path: "/x", Mode: "777"}, ClientAuthOptional, "/x", 0o777},
		{Listener{Mode: "0o640"}, ClientAuthNone, "/mqtt", 0o640},
	} {
		if tt.l.clientAuth() != tt.auth || tt.l.path() != tt.path || tt.l.mode() != tt.mode {
			t.Errorf("%+v: got %q, %q, %o", tt, tt.l.clientAuth(), tt.l.path(), tt.l.mode())
		}
	}
}

func FuzzParseListener(f *testing.F) {
	for _, seed := range []string{
		"tcp://127.0.0.1:1883?versions=4,5&max-connections=100", "tcp://[fe80::1%25eth0]:1883", "ws://h:1/mqtt?origins=*",
		"ws://h", "ws://h/%2f", "ws://h//x", "unix:///run/x.sock?mode=0600&proxy=unix", "unix:////run", "unix:/a%00", "unix:///%ff",
		"tcp://h?proxy=10.0.0.0/8&proxy=::ffff:1.2.3.4",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ParseListener(text)
		if err != nil {
			return
		}
		c := DefaultConfig()
		c.Listeners = []Listener{l}
		if c.Validate() != nil {
			return // well-formed, but no listener of ours
		}
		again, err := ParseListener(l.URL())
		if err != nil || again.Address != l.Address || again.Kind != l.Kind || again.path() != l.path() {
			t.Errorf("%q parses to %+v, whose URL %q parses to %+v, %v", text, l, l.URL(), again, err)
		}
	})
}
