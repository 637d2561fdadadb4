// Package auth is the contract between the broker's core and whoever decides who a client is and what it may do,
// with the few deciders that need nothing else. The suite that every provider passes is authtest.Run.
//
// Who a client is may take time to find out: an Authenticator is asked away from the event loops, with a deadline,
// unless it is Immediate. What a client may do is asked for every message: an Authorizer answers from its own memory,
// on the loop.
package auth

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// Request is what a CONNECT says about its sender. It belongs to the provider: nothing in it changes later.
type Request struct {
	ClientID      string
	Username      string
	HasUsername   bool // an empty user name is one
	Password      []byte
	HasPassword   bool // so is an empty password
	Listener      string
	Transport     string         // tcp, tls, ws, wss or unix
	Remote, Local netip.AddrPort // behind a proxy, as it said; zero over a unix socket, and where a proxy knows none
	Proxied       bool           // a trusted proxy forwards the client
	Proxy         netip.AddrPort // its own address, with Proxied; zero over a unix socket
	Version       mqtt.Version
	Certificate   *Certificate // the client's, verified; nil: none
	HTTP          *HTTP        // of a WebSocket; else nil
	Method        string       // Authentication Method; empty: none
	Data          []byte       // Authentication Data
}

// Certificate is what an authenticator may want to know of a client's TLS certificate.
type Certificate struct {
	CommonName  string
	Subject     string // the whole of it, RFC 2253
	Issuer      string
	Serial      string   // decimal
	DNS         []string // subject alternative names
	Email       []string
	URI         []string
	IP          []netip.Addr
	Fingerprint [32]byte // SHA-256 of the certificate; zero when only a proxy has seen it
	NotAfter    time.Time
	ByProxy     bool // a trusted proxy verified it and said its common name, nothing more
}

// HTTP is the request that became a WebSocket. The query may hold secrets: it is not to be logged.
type HTTP struct {
	Path   string
	Query  string
	Host   string
	Header http.Header
}

// Result is what became of a request.
type Result uint8

const (
	Deny     Result = iota // the client is refused, with Decision's Reason
	Allow                  // the client is who Decision's Principal says
	Continue               // enhanced authentication goes on: AUTH with Decision's Data
	Ignore                 // no opinion: somebody else may know
)

func (r Result) String() string {
	switch r {
	case Deny:
		return "deny"
	case Allow:
		return "allow"
	case Continue:
		return "continue"
	case Ignore:
		return "ignore"
	}
	return "unknown"
}

// Decision answers a request. The zero value denies.
type Decision struct {
	Result Result
	// Reason goes with Deny; below 0x80 it means NotAuthorized. With any other result it is Success.
	Reason mqtt.Reason
	// Principal is who the client is: what rules name and what owns a session. Empty for the anonymous.
	Principal string
	// Superuser may do anything; no Authorizer is asked.
	Superuser bool
	// Data is Authentication Data for the client, with Continue and, if the method has some, with Allow.
	Data []byte
	// ReasonString may be told to the client with Deny. It must not help to guess.
	ReasonString string
}

// Authenticator decides who a client is. Calls run beside each other.
type Authenticator interface {
	// Authenticate may block until ctx is done, and must not much longer: the client has been refused by then.
	Authenticate(ctx context.Context, r *Request) Decision
}

// Immediate is an Authenticator that never blocks: the core asks it on the event loop and saves the way to another
// goroutine and back.
type Immediate interface {
	Authenticator
	AuthenticateNow(r *Request) Decision
}

// Enhanced is an Authenticator that speaks Authentication Methods. A client that names one of them is asked by
// Begin, any other by Authenticate.
type Enhanced interface {
	Authenticator
	// Methods lists what it speaks; it does not change.
	Methods() []string
	// Begin takes the Method and Data of CONNECT, or of an AUTH that re-authenticates. With Continue the exchange
	// takes the client's next Data; with any other result it is over and may be nil.
	Begin(ctx context.Context, r *Request) (Exchange, Decision)
}

// Exchange is one enhanced authentication on its way. Its calls never overlap; when the client goes away
// it is dropped without a word.
type Exchange interface {
	Step(ctx context.Context, data []byte) Decision
}
