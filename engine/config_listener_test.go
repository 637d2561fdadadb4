package engine

import (
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
		{"tcp://localhost?name=field&versions=4,5&max_connections=100&mountpoint=site/1/&auth=always", Listener{
			Name: "field", Kind: KindTCP, Address: "localhost:1883", Versions: []int{4, 5}, MaxConnections: 100,
			Mountpoint: "site/1/", Auth: AnonymousAlways}},
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
		{"localhost:1883", `unknown kind "localhost" (known: tcp)`},
		{"tcp://", "no address, as in tcp://127.0.0.1:1883"},
		{"tcp:///path", "no address"},
		{"tcp://h:1/path", "address and query keys only"},
		{"tcp://user@h:1", "address and query keys only"},
		{"tcp://h:1#x", "address and query keys only"},
		{"tcp://h:port", "not a URL"},
		{"tcp://h:1?max_conections=1", "max_conections: unknown key (known here: name,"},
		{"tcp://h:1?max_connections=1&max_connections=2", "max_connections: stands more than once"},
		{"tcp://h:1?max_connections=many", "max_connections: must be a whole number"},
		{"tcp://h:1?address=h:2", "address: is said by the URL itself"},
		{"tcp://h:1?kind=tcp", "kind: is said by the URL itself"},
		{"tcp://h:1?a;b", "semicolon"},
	} {
		l, err := ParseListener(tt.url)
		if err == nil || !strings.Contains(err.Error(), tt.problem) || !strings.Contains(err.Error(), tt.url) {
			t.Errorf("ParseListener(%q) = %+v, %v, want an error with the URL and %q", tt.url, l, err, tt.problem)
		}
	}
}

func FuzzParseListener(f *testing.F) {
	f.Add("tcp://127.0.0.1:1883?versions=4,5&max_connections=100")
	f.Add("tcp://[fe80::1%25eth0]:1883")
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
		if again, err := ParseListener(l.URL()); err != nil || again.Address != l.Address || again.Kind != l.Kind {
			t.Errorf("%q parses to %+v, whose URL %q parses to %+v, %v", text, l, l.URL(), again, err)
		}
	})
}
