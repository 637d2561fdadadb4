package codec

import (
	"strings"
	"testing"
)

// Programs put tokens where a page can put any: into the query, and into the subprotocols.
func TestWhatIsWrongWithARequestIsToldWithoutItsSecrets(t *testing.T) {
	for _, c := range []struct{ name, change, to string }{
		{"query", "GET /mqtt?token=secret", "GET /other?token=secret"},
		{"subprotocol", "Sec-WebSocket-Protocol: chat, mqtt", "Sec-WebSocket-Protocol: chat, bearer.secret"},
		{"origin with a query", "Host: broker", "Origin: http://evil.example/?secret\r\nHost: broker"},
	} {
		sent := strings.Replace(testRequest, c.change, c.to, 1)
		if sent == testRequest {
			t.Fatalf("%s: nothing to change in %q", c.name, testRequest)
		}
		u := testUpgrade
		u.Origin = func(origin string) bool { return !strings.Contains(origin, "evil") }
		var answers []byte
		_, err := NewWebSocket(&u).Feed([]byte(sent), &answers, nil)
		if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(string(answers), "secret") {
			t.Errorf("%s: got error %v and answer %q, want neither to repeat the secret", c.name, err, answers)
		}
	}
}
