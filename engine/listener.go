package engine

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/penstock-mqtt/penstock/codec"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/internal/certs"
	"github.com/penstock-mqtt/penstock/engine/internal/netloop"
)

// listener is one address and what its connections share.
type listener struct {
	b        *Broker
	name     string
	title    string // as the configuration names it
	index    int
	kind     Kind
	mount    string
	url      string // as it is reached, with the port that was chosen
	ln       net.Listener
	kept     *os.File // the socket after a hand-over, for Resume
	ownsFile bool     // that of a unix socket is removed in the end: we made it, or the process before
	options  netloop.ListenOptions
	acceptor atomic.Pointer[netloop.Acceptor]

	material *certs.Material // of tls and wss
	tls      *tls.Config
	files    atomic.Pointer[certs.Files]
	trust    atomic.Uint32 // rises when what is believed of clients changes

	reloads, reloadsFailed atomic.Uint64 // of material

	rules atomic.Pointer[rules]

	accepted, shed atomic.Uint64 // by the acceptors before this one

	count      atomic.Int64 // connections
	connecting atomic.Int64 // those whose CONNECT is not answered
	early      atomic.Int64 // bytes kept of them
	waiting    atomic.Bool  // the acceptor waits until there are fewer of them
	pace       pace
	refused    [rejections]atomic.Uint64
	connects   [256]atomic.Uint64 // CONNECTs that were refused, by reason code
	left       [2]atomic.Uint64   // connections that their peers ended before an answer: to the CONNECT, in the TLS handshake
}

// rules are what a listener's settings come to, ready for use.
type rules struct {
	proxies    []netip.Prefix // whose connections begin with a PROXY header
	unixProxy  bool           // the peers of a unix socket do
	upgrade    *codec.Upgrade // of ws and wss
	connecting int64          // most connections whose CONNECT is not answered; 0: any
	perAddress int64          // of them, of one source address
	rate       int            // most connections a second; 0: any
	max        int64          // most connections; 0: any
}

// subprotocols are what MQTT is called as a WebSocket subprotocol, the best first. [MQTT-6.0.0-4]
var subprotocols = []string{"mqtt", "mqttv3.1.1", "mqttv3.1"}

// setRules works the settings out anew.
func (lst *listener) setRules(live *Live) {
	lc := &live.Listeners[lst.index]
	r := &rules{
		connecting: int64(live.maxConnecting(lst.index)), perAddress: int64(live.maxConnectingPerAddress(lst.index)),
		rate: lc.MaxConnectionRate, max: int64(lc.MaxConnections),
	}
	r.proxies, r.unixProxy = live.proxyNetworks(lst.index)
	if lc.web() {
		r.upgrade = &codec.Upgrade{
			Path: lc.path(), Subprotocols: subprotocols,
			MaxHeader: int(live.WebSocket.MaxHeaderSize), MaxFrame: int64(live.WebSocket.MaxFrameSize),
		}
		if len(lc.Origins) > 0 || lst.b.parts.Authenticator == nil && live.Anonymous(lst.index) != AnonymousNever {
			own := lst.ownHosts(lc.Address)
			allowed, err := codec.ParseOrigins(lc.Origins)
			r.upgrade.Origin = func(origin string) bool { return err == nil && allowed.Allow(origin, own) }
		}
	}
	lst.rules.Store(r)
}

// ownHosts tells whether a web origin is on the listener's own host: the one it was told to listen on, the machine's name,
// or the machine's addresses where it listens on all of them. The Host header does not count: a page can have its own
// name resolve to this machine.
func (lst *listener) ownHosts(address string) func(host string) bool {
	configured, _, _ := net.SplitHostPort(address)
	name, _ := os.Hostname()
	return func(host string) bool {
		if host != "" && (strings.EqualFold(host, configured) || strings.EqualFold(host, name)) {
			return true
		}
		ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if err != nil {
			return false
		}
		at, err := netip.ParseAddr(configured)
		switch {
		case err == nil && !at.IsUnspecified():
			return at.Unmap() == ip.Unmap()
		case err != nil && configured != "":
			return false
		}
		own, _ := net.InterfaceAddrs()
		return slices.ContainsFunc(own, func(a net.Addr) bool {
			n, ok := a.(*net.IPNet)
			if !ok {
				return false
			}
			mine, ok := netip.AddrFromSlice(n.IP)
			return ok && mine.Unmap() == ip.Unmap()
		})
	}
}

// proxied tells whether a connection begins with a PROXY header.
func (r *rules) proxied(remote netip.AddrPort) bool {
	if !remote.IsValid() {
		return r.unixProxy
	}
	ip := remote.Addr().Unmap().WithZone("")
	return slices.ContainsFunc(r.proxies, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// open binds the listener or takes up a socket that was passed on, and reads its TLS material.
func (b *Broker) open(i int) (*listener, error) {
	lc := &b.cfg.Listeners[i]
	lst := &listener{b: b, index: i, kind: lc.kind(), mount: lc.Mountpoint, title: lc.Title()}
	if lc.secure() {
		f := b.live.Load().files(i)
		m, err := certs.Load(f)
		if err != nil {
			return nil, err
		}
		lst.material, lst.tls = m, m.Config()
		lst.files.Store(&f)
	}
	lst.options = listenOptions(lc)
	ln, passed, err := b.bind(lc, lst.options)
	if err != nil {
		return nil, err
	}
	lst.ln, lst.ownsFile = ln, !passed
	at := *lc
	if at.Address = ln.Addr().String(); lst.kind == KindUnix {
		at.Address = lc.Address
	}
	lst.url = at.URL()
	if lst.name = lc.Name; lst.name == "" {
		lst.name = lst.url
	}
	lst.setRules(b.live.Load())
	return lst, nil
}

func listenOptions(lc *Listener) netloop.ListenOptions {
	if lc.kind() == KindUnix {
		return netloop.ListenOptions{Network: "unix", Address: lc.Address, Mode: lc.mode()}
	}
	return netloop.ListenOptions{
		Network: "tcp", Address: lc.Address, Nagle: lc.Nagle, KeepAlive: lc.TCPKeepAlive, UserTimeout: lc.TCPUserTimeout,
	}
}

func (b *Broker) bind(lc *Listener, o netloop.ListenOptions) (ln net.Listener, passed bool, err error) {
	i := b.passedFor(lc)
	if i < 0 {
		ln, err = netloop.Listen(o)
		return ln, false, err
	}
	s := b.parts.Sockets[i]
	ln, err = netloop.Adopt(s.File, o)
	_ = s.File.Close()
	b.parts.Sockets[i].File = nil
	if err != nil {
		return nil, true, fmt.Errorf("socket %q that was passed on: %w", s.Name, err)
	}
	return ln, true, nil
}

// passedFor finds the socket that was passed on for a listener, by its name, or else its address among those that are not
// another's by name; -1: there is none.
func (b *Broker) passedFor(lc *Listener) int {
	sockets := b.parts.Sockets
	if i := slices.IndexFunc(sockets, func(s Socket) bool { return s.File != nil && s.named(lc) }); i >= 0 {
		return i
	}
	return slices.IndexFunc(sockets, func(s Socket) bool {
		return s.File != nil && s.at(lc) && !slices.ContainsFunc(b.cfg.Listeners, func(other Listener) bool { return s.named(&other) })
	})
}

// named tells whether a socket that was passed on has a listener's name.
func (s *Socket) named(lc *Listener) bool {
	return s.Name != "" && (s.Name == lc.handle() || s.Name == lc.Name)
}

// at tells whether it has a listener's address.
func (s *Socket) at(lc *Listener) bool {
	network, address, err := netloop.Address(s.File)
	if err != nil {
		return false
	}
	if lc.kind() == KindUnix {
		return network == "unix" && address == lc.Address
	}
	return network == "tcp" && sameAddress(address, lc.Address)
}

// handle names a listener's socket for the next process. With a name goes the address: a configuration that gives the
// name another address wants another socket.
func (l Listener) handle() string {
	if l.Name == "" {
		return l.URL()
	}
	return l.Name + " at " + l.URL()
}

// sameAddress tells whether a bound address is a configured one. Port 0 is any other time's.
func sameAddress(bound, configured string) bool {
	host, port, err := net.SplitHostPort(configured)
	if err != nil || port == "0" {
		return false
	}
	have, err := netip.ParseAddrPort(bound)
	if err != nil || port != fmt.Sprint(have.Port()) {
		return false
	}
	if host == "" {
		return have.Addr().IsUnspecified()
	}
	if host == "localhost" {
		return have.Addr().Unmap().IsLoopback()
	}
	want, err := netip.ParseAddr(host)
	return err == nil && want.Unmap() == have.Addr().Unmap()
}

// accepts tells whether the listener serves a protocol version.
func (lst *listener) accepts(live *Live, v mqtt.Version) bool {
	versions := live.Listeners[lst.index].Versions
	return len(versions) == 0 || slices.Contains(versions, int(v))
}

// pace is how many connections a second an acceptor may take: a bucket that fills with time. The acceptor's loop alone
// touches it.
type pace struct {
	tokens float64
	at     time.Duration
}

// ready tells whether one more may be taken now.
func (p *pace) ready(rate int, now time.Duration) bool {
	if rate <= 0 {
		return true
	}
	full := max(float64(rate)/4, 1) // a quarter of a second's at once
	p.tokens = min(full, p.tokens+float64(rate)*(now-p.at).Seconds())
	p.at = now
	return p.tokens >= 1
}

// take takes one.
func (p *pace) take() { p.tokens = max(p.tokens-1, 0) }
