package engine

import (
	"io"
	"log/slog"
	"net/netip"
	"os"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/auth"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// Parts is the behaviour of a broker, next to the data in Config. Every part may be left out. They run among the broker's
// own work, so that their panics must end where they are called: one is logged and counted, and who decides has said no,
// who observes is left out.
type Parts struct {
	// Logger takes the broker's log; nil discards it.
	Logger *slog.Logger
	// Authenticator decides who may connect. It replaces the policy of auth.anonymous on every listener.
	Authenticator auth.Authenticator
	// Authorizer decides who may publish and subscribe to what; nil allows everything.
	Authorizer auth.Authorizer
	// Rewriter may change or refuse what clients publish; nil leaves everything as it is.
	Rewriter Rewriter
	// Store makes acknowledged state outlive the process; nil keeps it in memory only.
	Store store.Store
	// Hooks observe the broker; nil costs nothing.
	Hooks *Hooks
	// Sockets are listening sockets that were opened for this process: by the one before it, or by a service manager. Each
	// serves the listener of its name, or else of its address; those that none wants are closed.
	Sockets []Socket
	// State is what the process before handed over (Broker.HandOver); Start reads it to its end before anybody is served.
	State io.Reader
	// Version is what $SYS/broker/version says.
	Version string
	// Clock is the time on which everything that expires is measured: monotonic, from any beginning. nil takes the
	// machine's. The loops look at it several times a second, so tests can let hours pass at once.
	Clock func() time.Duration
	// Wall is the time of day, by which the time is known that a broker with a store was down. nil takes the machine's.
	Wall func() time.Time
}

// Socket is a listening socket that passes from one process to another.
type Socket struct {
	Name string // the listener's name, or what Broker.Sockets has called it; may be empty for one that is known by its address
	File *os.File
}

// Rewriter looks at a PUBLISH before it is authorized. It runs on an event loop, one call for a client at a time, and must not block.
type Rewriter interface {
	// Rewrite may change the Topic, which includes the listener's mountpoint, the Payload and Retain; what it puts there
	// must not be changed afterwards. A reason of 0x80 or above refuses the message: 5.0 publishers are told, for others it
	// is acknowledged and dropped. The slices in m are the broker's and valid until it returns.
	Rewrite(c ClientInfo, m *Message) mqtt.Reason
}

// Hooks observe what clients do. Each func may be nil; each runs on an event loop, one call for a client at a time, and must not block, nor
// call the broker's methods that wait for a loop. Slices are valid until the hook returns. Topics and filters are as the
// broker knows them, with the mountpoint of the client's listener.
type Hooks struct {
	Connected func(c ClientInfo)
	// Disconnected follows each Connected. The reason is the client's, the broker's, or UnspecifiedError when the
	// connection just ended.
	Disconnected func(c ClientInfo, reason mqtt.Reason)
	// Subscribed is called for each filter of a SUBSCRIBE with the code that answers it.
	Subscribed func(c ClientInfo, filter []byte, granted mqtt.Reason)
	// Unsubscribed is called for each subscription that an UNSUBSCRIBE ended.
	Unsubscribed func(c ClientInfo, filter []byte)
	// Published is called for each message of a client that the broker takes over: once, and not for what is refused.
	Published func(c ClientInfo, topic, payload []byte, qos uint8, retain bool)
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
