package enginetest

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// Settings is what a case may ask of its broker. The zero value is the broker's defaults, under which everything is available
// and everybody may do everything. Settings are compared: cases that ask for the same share one broker.
type Settings struct {
	LimitQoS          bool   // MaxQoS counts
	MaxQoS            byte   // highest QoS the broker takes and grants, with LimitQoS
	NoRetain          bool   // retained messages are not available
	NoWildcards       bool   // wildcard subscriptions are not available
	NoShared          bool   // shared subscriptions are not available
	NoSubscriptionIDs bool   // subscription identifiers are not available
	MaxPacketSize     uint32 // largest packet taken; 0 = default
	ReceiveMaximum    uint16 // announced to clients; 0 = default
	TopicAliasMaximum uint16 // announced to clients; 0 = default
	NoTopicAlias      bool   // Topic Alias Maximum is 0
	ServerKeepAlive   uint16 // overrides the clients' keep alive; 0 = does not
	MaxSessionExpiry  uint32 // ceiling of the session expiry interval in seconds; 0 = default
	ResponseInfo      string // response information for those who ask
	Login             bool   // only loginUser with loginPassword may connect
	Forbid            bool   // nobody may publish or subscribe below "forbidden/"
	MaxClientID       int    // longer client identifiers are refused; 0 = default
	EnhancedAuth      bool   // the authentication method authMethod exists: two steps, see target_penstock_test.go
}

// String lists what differs from the defaults.
func (s Settings) String() string {
	var list []string
	v := reflect.ValueOf(s)
	for i := range v.NumField() {
		if !v.Field(i).IsZero() {
			list = append(list, fmt.Sprintf("%s=%v", v.Type().Field(i).Name, v.Field(i)))
		}
	}
	return strings.Join(list, " ")
}

// What a broker started with Login, Forbid or EnhancedAuth knows.
const (
	loginUser     = "alice"
	loginPassword = "open sesame"
	forbidden     = "forbidden/" // topics and filters that begin so are refused
	authMethod    = "TWO-STEP"   // client: "hello", server: "who?", client: "it's me", server: "welcome"; the same to re-authenticate
	authHello     = "hello"
	authChallenge = "who?"
	authProof     = "it's me"
	authWelcome   = "welcome"
)

// Target is where the cases reach a broker.
type Target struct {
	// Addr is the host:port of MQTT over TCP.
	Addr string
	// WebSocket is the ws:// URL of MQTT over WebSocket. Empty: the cases about that are n/a.
	WebSocket string
	// Dial opens the connection on which a case speaks MQTT; nil opens TCP to Addr.
	Dial func() (net.Conn, error)
}

func (g Target) dial() (net.Conn, error) {
	if g.Dial != nil {
		return g.Dial()
	}
	return net.DialTimeout("tcp", g.Addr, patience)
}

// Start starts a broker with these settings and returns where it listens, and how to stop it.
// A Start that returns a nil stop is a foreign broker: it has one target and no settings.
type Start func(s Settings) (target Target, stop func(), err error)

// Foreign is the Start for a broker that is already running.
func Foreign(target Target) Start {
	return func(Settings) (Target, func(), error) { return target, nil, nil }
}

// hall holds the brokers of one run, one for each Settings asked for.
type hall struct {
	outer   *testing.T // outlives the cases; stops the brokers
	start   Start
	run     string // four characters that tell this run from others on the same broker
	foreign bool   // somebody else's broker: no settings

	mu       sync.Mutex
	brokers  map[Settings]Target
	sessions map[string]byte // client ids that may have left a session behind, with their version
}

func newHall(t *testing.T, start Start) *hall {
	t.Helper()
	var b [2]byte
	_, _ = rand.Read(b[:])
	h := &hall{
		outer: t, start: start, run: hex.EncodeToString(b[:]),
		brokers: map[Settings]Target{}, sessions: map[string]byte{},
	}
	h.broker(t, Settings{})
	if h.foreign {
		t.Cleanup(h.sweep)
	}
	return h
}

// broker returns the target of the broker with these settings, starting it if nobody asked before.
func (h *hall) broker(t testing.TB, s Settings) Target {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if target, ok := h.brokers[s]; ok {
		return target
	}
	target, stop, err := h.start(s)
	if err != nil {
		t.Fatalf("start broker with settings %q: %v", s, err)
	}
	if stop != nil {
		h.outer.Cleanup(stop)
	} else {
		h.foreign = true // at the first call, from newHall: a foreign broker is asked for no other settings
	}
	h.brokers[s] = target
	return target
}

// remember notes that this client may leave a session behind.
func (h *hall) remember(id string, level byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sessions[id] = level
}
