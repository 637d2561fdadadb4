package codec

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// request is one: testRequest with lines replaced, by name, or left out if they are empty, and others added.
func request(line string, change map[string]string, more ...string) string {
	b := line + "\r\n"
	for _, h := range [][2]string{
		{"Host", "broker:8083"}, {"Upgrade", "websocket"}, {"Connection", "Upgrade"}, {"Sec-WebSocket-Key", testKey},
		{"Sec-WebSocket-Version", "13"}, {"Sec-WebSocket-Protocol", "mqtt"},
	} {
		if v, ok := change[h[0]]; !ok {
			b += h[0] + ": " + h[1] + "\r\n"
		} else if v != "" {
			b += v + "\r\n"
		}
	}
	for _, l := range more {
		b += l + "\r\n"
	}
	return b + "\r\n"
}

const getMQTT = "GET /mqtt HTTP/1.1"

type change = map[string]string

func TestUpgradeRequests(t *testing.T) {
	refuseEvil := func(origin string) bool { return origin != "https://evil.example" }
	for _, c := range []struct {
		name   string
		in     string
		status int // 0: no answer at all
		cause  string
	}{
		{"the usual", request(getMQTT, nil), 101, ""},
		{"with a query", request("GET /mqtt?token=secret HTTP/1.1", nil), 101, ""},
		{"with an empty query", request("GET /mqtt? HTTP/1.1", nil), 101, ""},
		{"a query with odd letters", request("GET /mqtt?a=%zz&b=/../?c HTTP/1.1", nil), 101, ""},
		{"names in lower case", request(getMQTT, change{"Host": "host: x", "Upgrade": "upgrade: websocket", "Connection": "connection: upgrade",
			"Sec-WebSocket-Key": "sec-websocket-key: " + testKey, "Sec-WebSocket-Version": "sec-websocket-version: 13",
			"Sec-WebSocket-Protocol": "sec-websocket-protocol: mqtt"}), 101, ""},
		{"values in upper case", request(getMQTT, change{"Upgrade": "UPGRADE: WebSocket", "Connection": "CONNECTION: UPGRADE"}), 101, ""},
		{"values without spaces", request(getMQTT, change{"Host": "Host:x", "Upgrade": "Upgrade:websocket", "Sec-WebSocket-Version": "Sec-WebSocket-Version:13"}), 101, ""},
		{"values with many", request(getMQTT, change{"Upgrade": "Upgrade: \t websocket \t", "Sec-WebSocket-Version": "Sec-WebSocket-Version:   13  "}), 101, ""},
		{"a list of connection options", request(getMQTT, change{"Connection": "Connection: keep-alive, Upgrade"}), 101, ""},
		{"a list without spaces", request(getMQTT, change{"Connection": "Connection: keep-alive,upgrade,,x"}), 101, ""},
		{"a list in two lines", request(getMQTT, change{"Connection": "Connection: keep-alive\r\nConnection: Upgrade"}), 101, ""},
		{"a list of protocols to upgrade to", request(getMQTT, change{"Upgrade": "Upgrade: h2c, websocket"}), 101, ""},
		{"the whole URL", request("GET http://broker:8083/mqtt HTTP/1.1", nil), 101, ""},
		{"the whole URL, of ws", request("GET ws://broker/mqtt?x HTTP/1.1", nil), 101, ""},
		{"an empty Host", request(getMQTT, change{"Host": "Host:"}), 101, ""},
		{"HTTP/1.2", request("GET /mqtt HTTP/1.2", nil), 101, ""},
		{"an empty body", request(getMQTT, nil, "Content-Length: 0"), 101, ""},
		{"extensions", request(getMQTT, nil, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"), 101, ""},
		{"other headers", request(getMQTT, nil, "Cookie: a=b", "Cookie: c=d", "User-Agent:", "X-Ü: ü"), 400, "ws_bad_request"},
		{"values beyond ASCII", request(getMQTT, nil, "X-Name: Jürgen"), 101, ""},
		{"an origin", request(getMQTT, nil, "Origin: https://example.org"), 101, ""},
		{"subprotocols, several", request(getMQTT, change{"Sec-WebSocket-Protocol": "Sec-WebSocket-Protocol: chat, mqttv3.1,mqtt"}), 101, ""},
		{"subprotocols, in lines", request(getMQTT, change{"Sec-WebSocket-Protocol": "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: mqtt"}), 101, ""},

		{"MQTT", "\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00", 0, "ws_not_http"},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 0, "ws_not_http"},
		{"an empty line first", "\r\n" + request(getMQTT, nil), 0, "ws_not_http"},
		{"a space first", " " + request(getMQTT, nil), 0, "ws_not_http"},
		{"a method in lower case", request("get /mqtt HTTP/1.1", nil), 0, "ws_not_http"},
		{"a banner", "SSH-2.0-OpenSSH_9.2\r\n", 0, "ws_not_http"},
		{"a PROXY header", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + request(getMQTT, nil), 400, "ws_bad_request"},
		{"an endless method", strings.Repeat("A", 25), 0, "ws_not_http"},
		{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "ws_bad_request"},

		{"another path", request("GET / HTTP/1.1", nil), 404, "ws_path"},
		{"a path below", request("GET /mqtt/ HTTP/1.1", nil), 404, "ws_path"},
		{"a path in another case", request("GET /MQTT HTTP/1.1", nil), 404, "ws_path"},
		{"a path that is escaped", request("GET /mq%74t HTTP/1.1", nil), 404, "ws_path"},
		{"a path with dots", request("GET /x/../mqtt HTTP/1.1", nil), 404, "ws_path"},
		{"a path with two slashes", request("GET //mqtt HTTP/1.1", nil), 404, "ws_path"},
		{"a URL without a path", request("GET http://broker HTTP/1.1", nil), 404, "ws_path"},
		{"a URL without a path, with a query", request("GET http://broker?/mqtt HTTP/1.1", nil), 404, "ws_path"},
		{"a browser's icon", "GET /favicon.ico HTTP/1.1\r\nHost: x\r\n\r\n", 404, "ws_path"},
		{"the server as a whole", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 404, "ws_path"},
		{"POST", request("POST /mqtt HTTP/1.1", nil), 405, "ws_method"},
		{"HEAD", request("HEAD /mqtt HTTP/1.1", nil), 405, "ws_method"},
		{"OPTIONS", request("OPTIONS /mqtt HTTP/1.1", nil), 405, "ws_method"},
		{"M-SEARCH", request("M-SEARCH /mqtt HTTP/1.1", nil), 405, "ws_method"},
		{"CONNECT", "CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n", 405, "ws_method"},
		{"POST elsewhere", request("POST / HTTP/1.1", nil), 404, "ws_path"},

		{"a plain GET", "GET /mqtt HTTP/1.1\r\nHost: x\r\n\r\n", 426, "ws_not_upgrade"},
		{"a plain GET with a query", "GET /mqtt?token=secret HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n", 426, "ws_not_upgrade"},
		{"HTTP/1.0", "GET /mqtt HTTP/1.0\r\n\r\n", 426, "ws_not_upgrade"},
		{"HTTP/1.0 with an upgrade", request("GET /mqtt HTTP/1.0", nil), 426, "ws_not_upgrade"},
		{"an upgrade to something else", request(getMQTT, change{"Upgrade": "Upgrade: h2c"}), 426, "ws_not_upgrade"},
		{"no Connection", request(getMQTT, change{"Connection": ""}), 400, "ws_bad_request"},
		{"Connection: close", request(getMQTT, change{"Connection": "Connection: close"}), 400, "ws_bad_request"},
		{"Connection: upgraded", request(getMQTT, change{"Connection": "Connection: upgraded"}), 400, "ws_bad_request"},
		{"version 8", request(getMQTT, change{"Sec-WebSocket-Version": "Sec-WebSocket-Version: 8"}), 426, "ws_version"},
		{"versions", request(getMQTT, change{"Sec-WebSocket-Version": "Sec-WebSocket-Version: 13, 8"}), 426, "ws_version"},
		{"the version twice", request(getMQTT, nil, "Sec-WebSocket-Version: 13"), 426, "ws_version"},
		{"no version", request(getMQTT, change{"Sec-WebSocket-Version": ""}), 426, "ws_version"},
		{"no key", request(getMQTT, change{"Sec-WebSocket-Key": ""}), 400, "ws_bad_request"},
		{"an empty key", request(getMQTT, change{"Sec-WebSocket-Key": "Sec-WebSocket-Key: "}), 400, "ws_bad_request"},
		{"a short key", request(getMQTT, change{"Sec-WebSocket-Key": "Sec-WebSocket-Key: c2hvcnQ="}), 400, "ws_bad_request"},
		{"a key that is no base64", request(getMQTT, change{"Sec-WebSocket-Key": "Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!=="}), 400, "ws_bad_request"},
		{"the key twice", request(getMQTT, nil, "Sec-WebSocket-Key: "+testKey), 400, "ws_bad_request"},
		{"no subprotocol", request(getMQTT, change{"Sec-WebSocket-Protocol": ""}), 400, "ws_subprotocol"},
		{"an empty subprotocol", request(getMQTT, change{"Sec-WebSocket-Protocol": "Sec-WebSocket-Protocol: ,"}), 400, "ws_subprotocol"},
		{"other subprotocols", request(getMQTT, change{"Sec-WebSocket-Protocol": "Sec-WebSocket-Protocol: chat, amqp"}), 400, "ws_subprotocol"},
		{"a subprotocol in another case", request(getMQTT, change{"Sec-WebSocket-Protocol": "Sec-WebSocket-Protocol: MQTT"}), 400, "ws_subprotocol"},
		{"another origin", request(getMQTT, nil, "Origin: https://evil.example"), 403, "ws_origin"},
		{"two origins", request(getMQTT, nil, "Origin: https://example.org", "Origin: https://evil.example"), 400, "ws_bad_request"},
		{"an origin before a subprotocol", request(getMQTT, change{"Sec-WebSocket-Protocol": ""}, "Origin: https://evil.example"), 403, "ws_origin"},

		{"no Host", request(getMQTT, change{"Host": ""}), 400, "ws_bad_request"},
		{"two Hosts", request(getMQTT, nil, "Host: other"), 400, "ws_bad_request"},
		{"a folded line", request(getMQTT, nil, "X-Long: one\r\n two"), 400, "ws_bad_request"},
		{"a line folded by a tab", request(getMQTT, change{"Connection": "Connection: keep-alive,\r\n\tUpgrade"}), 400, "ws_bad_request"},
		{"a space before the colon", request(getMQTT, change{"Upgrade": "Upgrade : websocket"}), 400, "ws_bad_request"},
		{"no colon", request(getMQTT, nil, "Nonsense"), 400, "ws_bad_request"},
		{"no name", request(getMQTT, nil, ": value"), 400, "ws_bad_request"},
		{"a bare line feed", request(getMQTT, nil, "X-One: 1\nX-Two: 2"), 400, "ws_bad_request"},
		{"a bare carriage return", request(getMQTT, nil, "X-One: 1\rX-Two: 2"), 400, "ws_bad_request"},
		{"a zero byte", request(getMQTT, nil, "X-Zero: \x00"), 400, "ws_bad_request"},
		{"only line feeds", strings.ReplaceAll(request(getMQTT, nil), "\r\n", "\n") + "\r\n\r\n", 400, "ws_bad_request"},
		{"no version of HTTP", request("GET /mqtt", nil), 400, "ws_bad_request"},
		{"an odd version of HTTP", request("GET /mqtt HTTP/1.x", nil), 400, "ws_bad_request"},
		{"a long version of HTTP", request("GET /mqtt HTTP/1.10", nil), 400, "ws_bad_request"},
		{"HTTP/3.0", request("GET /mqtt HTTP/3.0", nil), 505, "ws_bad_request"},
		{"no target", request("GET  HTTP/1.1", nil), 400, "ws_bad_request"},
		{"a target with a space", request("GET /mqtt?token=secret x HTTP/1.1", nil), 400, "ws_bad_request"},
		{"a target without a slash", request("GET mqtt?token=secret HTTP/1.1", nil), 400, "ws_bad_request"},
		{"a target with a fragment", request("GET /mqtt?token=secret#x HTTP/1.1", nil), 400, "ws_bad_request"},
		{"a target beyond ASCII", request("GET /mqtt?token=secret&ü HTTP/1.1", nil), 400, "ws_bad_request"},
		{"a URL without a host", request("GET http:///mqtt?token=secret HTTP/1.1", nil), 400, "ws_bad_request"},
		{"a body", request(getMQTT, nil, "Content-Length: 5") + "hello", 400, "ws_bad_request"},
		{"a body in chunks", request(getMQTT, nil, "Transfer-Encoding: chunked") + "0\r\n\r\n", 400, "ws_bad_request"},
		{"a header as large as allowed", sized(testUpgrade.MaxHeader), 101, ""},
		{"a header larger by one", sized(testUpgrade.MaxHeader + 1), 431, "ws_header_too_large"},
		{"a header without an end", "GET /mqtt?token=secret HTTP/1.1\r\nX: " + strings.Repeat("x", 5000), 431, "ws_header_too_large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := testUpgrade
			u.Origin = refuseEvil
			o := runAll(t, func() *WebSocket { return NewWebSocket(&u) }, []byte(c.in))
			if o.cause() != c.cause {
				t.Errorf("ended with %q (%v), want %q\ninput %q", o.cause(), o.err, c.cause, c.in)
			}
			if o.err != nil && strings.Contains(o.err.Error(), "secret") {
				t.Errorf("the error repeats the query: %v", o.err)
			}
			if c.status == 0 && len(o.answers) == 0 {
				return
			}
			method, _, _ := strings.Cut(c.in, " ")
			checkAnswer(t, o.answers, method, c.status)
		})
	}
}

// sized is a request whose header has n bytes.
func sized(n int) string {
	short := len(request(getMQTT, nil, "X-Fill: "))
	return request(getMQTT, nil, "X-Fill: "+strings.Repeat("x", n-short))
}

// checkAnswer reads an answer as net/http does, and looks at what each status must come with.
func checkAnswer(t *testing.T, b []byte, method string, status int) {
	t.Helper()
	r := bufio.NewReader(bytes.NewReader(b))
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("the answer %q: %v", b, err)
	}
	if resp.StatusCode != status {
		t.Fatalf("status %d, want %d: %q", resp.StatusCode, status, b)
	}
	h := resp.Header
	if status == 101 {
		want := http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Accept": {testAccept}, "Sec-Websocket-Protocol": {"mqtt"}}
		if fmt.Sprint(h) != fmt.Sprint(want) {
			t.Errorf("header %v, want %v", h, want)
		}
		if rest, _ := io.ReadAll(r); len(rest) > 0 {
			t.Errorf("behind the answer stands %q", rest)
		}
		return
	}
	body, err := io.ReadAll(resp.Body)
	rest, _ := io.ReadAll(r)
	if err != nil || len(rest) > 0 || (len(body) == 0) != (method == "HEAD") || bytes.Contains(body, []byte("secret")) {
		t.Errorf("body %q, behind it %q, error %v", body, rest, err)
	}
	if !resp.Close || !strings.HasPrefix(h.Get("Content-Type"), "text/plain") || resp.ContentLength <= 0 {
		t.Errorf("close %t, type %q, length %d", resp.Close, h.Get("Content-Type"), resp.ContentLength)
	}
	if got, want := h.Get("Allow"), map[int]string{405: "GET"}[status]; got != want {
		t.Errorf("Allow: %q, want %q", got, want)
	}
	if upgrade := status == 426; upgrade != (h.Get("Upgrade") == "websocket") || upgrade != (h.Get("Sec-WebSocket-Version") == "13") {
		t.Errorf("status %d with header %v", status, h)
	}
}

func TestSubprotocolIsTheOneTheServerLikesBest(t *testing.T) {
	for _, c := range []struct {
		accepted []string
		offered  string
		want     string
	}{
		{[]string{"mqtt", "mqttv3.1"}, "mqttv3.1, mqtt", "mqtt"},
		{[]string{"mqtt", "mqttv3.1"}, "mqtt, mqttv3.1", "mqtt"},
		{[]string{"mqttv3.1", "mqtt"}, "mqtt, mqttv3.1", "mqttv3.1"},
		{[]string{"mqtt", "mqttv3.1"}, "mqttv3.1", "mqttv3.1"},
		{[]string{"mqtt", "mqttv3.1", "mqttv3.1.1"}, "mqttv3.1.1, mqttv3.1", "mqttv3.1"},
		{[]string{"mqtt"}, "mqtt, mqtt", "mqtt"},
	} {
		u := Upgrade{Path: "/mqtt", Subprotocols: c.accepted}
		w := NewWebSocket(&u)
		var answers []byte
		_, err := w.Feed([]byte(request(getMQTT, change{"Sec-WebSocket-Protocol": "Sec-WebSocket-Protocol: " + c.offered})), &answers, &collect{})
		if err != nil || w.Request().Subprotocol != c.want || !bytes.Contains(answers, []byte("Sec-WebSocket-Protocol: "+c.want+"\r\n")) {
			t.Errorf("accepted %q, offered %q: error %v, request %+v, answer %q; want %q", c.accepted, c.offered, err, w.Request(), answers, c.want)
		}
	}
	u := Upgrade{Path: "/mqtt", Subprotocols: []string{"mqtt", "mqttv3.1"}}
	if o := run(t, NewWebSocket(&u), []byte(request(getMQTT, change{"Sec-WebSocket-Protocol": ""})), whole); !bytes.Contains(o.answers, []byte("mqtt, mqttv3.1")) {
		t.Errorf("the answer does not say what is accepted: %q", o.answers)
	}
}

func TestRequestIsKeptForAuthentication(t *testing.T) {
	in := request("GET ws://named.example/mqtt?token=a%20b&x HTTP/1.1", nil, "Authorization: Bearer abc", "Cookie: a=b", "cookie: c=d", "Origin: null")
	for _, next := range []func() int{whole, byOne} {
		w := NewWebSocket(&testUpgrade)
		if o := run(t, w, []byte(in), next); o.err != nil {
			t.Fatal(o.err)
		}
		r := w.Request()
		if r.Path != "/mqtt" || r.RawQuery != "token=a%20b&x" || r.Host != "named.example" || r.Subprotocol != "mqtt" {
			t.Errorf("request %+v", r)
		}
		if r.Header.Get("Authorization") != "Bearer abc" || !slices.Equal(r.Header.Values("Cookie"), []string{"a=b", "c=d"}) {
			t.Errorf("header %v", r.Header)
		}
		if w.Forget(); w.Request() != nil || !w.Open() || w.Pending() != 0 {
			t.Errorf("after Forget: request %v, open %t, %d bytes held", w.Request(), w.Open(), w.Pending())
		}
	}
}

// An attacker's first bytes are held, but never more than a header may have.
func TestHeaderInPiecesIsHeldWithinItsLimit(t *testing.T) {
	w := NewWebSocket(&testUpgrade)
	var answers []byte
	piece := []byte("GET /mqtt HTTP/1.1\r\nX: " + strings.Repeat("x", 477))
	for i := 1; ; i++ {
		_, err := w.Feed(piece, &answers, &collect{})
		if causeOf(err) == "ws_header_too_large" && i == 3 {
			break
		}
		if err != nil || w.Pending() != i*len(piece) || w.Open() {
			t.Fatalf("piece %d: error %v, %d bytes held, open %t", i, err, w.Pending(), w.Open())
		}
	}
}
