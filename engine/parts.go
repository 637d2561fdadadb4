package engine

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/auth"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// Parts is the behaviour of a broker, next to the data in Config. Every part may be left out.
type Parts struct {
	// Logger takes the broker's log; nil discards it.
	Logger *slog.Logger
	// Authenticator decides who may connect. It replaces the policy of auth.anonymous on every listener.
	Authenticator auth.Authenticator
	// Authorizer decides who may publish and subscribe to what; nil allows everything.
	Authorizer auth.Authorizer
	// Store makes acknowledged state outlive the process; nil keeps it in memory only.
	Store store.Store
	// Hooks observe the broker; nil costs nothing.
	Hooks *Hooks
	// Version is what $SYS/broker/version says.
	Version string
	// Clock is the time on which everything that expires is measured: monotonic, from any beginning. nil takes the
	// machine's. The loops look at it several times a second, so tests can let hours pass at once.
	Clock func() time.Duration
}

// Hooks observe what clients do. Each func may be nil; each runs on the client's event loop and must not block.
// Slices are valid until the hook returns.
type Hooks struct {
	Connected    func(c ClientInfo)
	Disconnected func(c ClientInfo, reason mqtt.Reason)
	Subscribed   func(c ClientInfo, filter []byte, granted mqtt.Reason)
	Unsubscribed func(c ClientInfo, filter []byte)
	Published    func(c ClientInfo, topic, payload []byte, qos uint8, retain bool)
}

// ClientInfo names a client to hooks.
type ClientInfo struct {
	ClientID  string
	Principal string // as the authenticator named it; empty for anonymous clients
	Listener  string
	Loop      int // index of the event loop that carries the connection
	Remote    netip.AddrPort
	Version   mqtt.Version
}
