package codec

import "net/netip"

// ProxyHeader is what a proxy said about the connection it forwards.
type ProxyHeader struct {
	// Local: the proxy speaks for itself, as in a health check; the addresses are those of the socket.
	Local bool
	// Source and Destination are the client's addresses at the proxy; zero where the proxy knows none.
	Source, Destination netip.AddrPort
	ALPN, Authority     string
	UniqueID            []byte
	TLS                 *ProxyTLS // nil: the client did not use TLS
}

// ProxyTLS is what a proxy said about a client's TLS.
type ProxyTLS struct {
	Version, Cipher string
	// Verified: the client presented a certificate and the proxy accepted it; CommonName is of its subject.
	Verified   bool
	CommonName string
}

// Proxy is the stage of the PROXY protocol, versions 1 and 2. It is for connections of trusted sources only.
type Proxy struct{}

// NewProxy makes the stage; max bounds the bytes of a header.
func NewProxy(max int) *Proxy { return &Proxy{} }

// Feed takes bytes of the socket until the header is whole; rest is what follows it, a part of b.
func (p *Proxy) Feed(b []byte) (rest []byte, done bool, err error) { return nil, false, nil }

// Header is what was said, once Feed has said done.
func (p *Proxy) Header() *ProxyHeader { return nil }

// Pending is how many bytes are held.
func (p *Proxy) Pending() int { return 0 }
