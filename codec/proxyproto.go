package codec

import (
	"fmt"
	"net/netip"
)

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
	// Verified: the client presented a certificate and the proxy accepted it; CommonName is of its subject, and empty
	// when it is not verified, so that nobody takes it for an identity.
	Verified   bool
	CommonName string
}

// Proxy is the stage of the PROXY protocol, versions 1 and 2. It is for connections of trusted sources only.
//
// A header that arrives in one piece, as they do, is read where it lies. Of one that arrives in pieces only what belongs
// to it is kept, in a buffer that grows with what has arrived and not to the length it claims.
type Proxy struct {
	limit  int
	held   []byte // the header so far, when it came in pieces
	header *ProxyHeader
	fail   error
}

// NewProxy makes the stage; limit bounds the bytes of a header.
func NewProxy(limit int) *Proxy { return &Proxy{limit: max(limit, 0)} }

// Feed takes bytes of the socket until the header is whole; rest is what follows it, a part of b. An error is a *Fault, and
// stays: a connection whose header is wrong says nothing else worth reading.
func (p *Proxy) Feed(b []byte) (rest []byte, done bool, err error) {
	switch {
	case p.fail != nil:
		return nil, false, p.fail
	case p.header != nil:
		return b, true, nil
	case len(p.held) == 0:
		return p.whole(b)
	}
	for {
		n, err := proxyNeeds(p.held, p.limit)
		if err != nil {
			return nil, false, p.failed(err)
		}
		if n <= len(p.held) {
			return p.finish(p.held[:n], b)
		}
		if len(b) == 0 {
			return nil, false, nil
		}
		take := min(n-len(p.held), len(b))
		p.held, b = append(p.held, b[:take]...), b[take:]
	}
}

// whole reads the header where it lies, or keeps its beginning.
func (p *Proxy) whole(b []byte) (rest []byte, done bool, err error) {
	n, err := proxyNeeds(b, p.limit)
	if err != nil {
		return nil, false, p.failed(err)
	}
	if n <= len(b) {
		return p.finish(b[:n], b[n:])
	}
	p.held = append(p.held, b...)
	return nil, false, nil
}

// finish reads a whole header.
func (p *Proxy) finish(whole, rest []byte) ([]byte, bool, error) {
	read := readProxyV1
	if whole[0] == proxyV2Signature[0] {
		read = readProxyV2
	}
	header, err := read(whole)
	if err != nil {
		return nil, false, p.failed(err)
	}
	p.header, p.held = header, nil
	return rest, true, nil
}

func (p *Proxy) failed(err error) error {
	p.fail, p.held = err, nil
	return err
}

// Header is what was said, once Feed has said done.
func (p *Proxy) Header() *ProxyHeader { return p.header }

// Pending is how many bytes are held.
func (p *Proxy) Pending() int { return len(p.held) }

// proxyNeeds tells how many bytes the header takes that begins with b, as far as b tells: more than b has if it is not
// whole. It looks at the bytes in their order, so that a header in pieces ends in the same error as a whole one.
func proxyNeeds(b []byte, limit int) (int, error) {
	switch {
	case beginsLike(b, proxyV1Signature):
		return proxyV1Needs(b, limit)
	case beginsLike(b, proxyV2Signature):
		return proxyV2Needs(b, limit)
	}
	return 0, &Fault{ProxyMissing, fmt.Errorf("the first bytes are % x", b[:min(len(b), len(proxyV2Signature))])}
}

// beginsLike reports whether b begins with sig, as far as it goes.
func beginsLike(b []byte, sig string) bool {
	n := min(len(b), len(sig))
	return string(b[:n]) == sig[:n]
}

func proxyMalformed(format string, args ...any) error {
	return &Fault{ProxyMalformed, fmt.Errorf(format, args...)}
}
