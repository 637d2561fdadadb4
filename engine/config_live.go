package engine

import (
	"fmt"
	"net/netip"
	"strconv"
)

// Live is the part of a Config that may change while the broker runs. A reload puts a new Live in the place of the old
// one as a whole; connections and sessions look at it when they next need it, and what a CONNACK once announced holds for
// that connection.
type Live struct {
	// Listeners stand at the index of the running listener. What Reloadable holds fast is in them too, unchanged: name,
	// kind, address, mountpoint, path, mode and the options of sockets.
	Listeners []Listener
	// TLS has max_handshakes and handshake_cores unchanged.
	TLS       TLS
	WebSocket WebSocket
	Auth      Auth
	Limits    Limits
	Session   Session
	Retain    Retain
	Drain     Drain
	LogLevel  LogLevel
	Sys       Sys
}

// Live is what of c may change while a broker runs. It shares no memory with c.
func (c *Config) Live() Live {
	l := Live{
		Listeners: make([]Listener, len(c.Listeners)),
		TLS:       c.TLS,
		WebSocket: c.WebSocket,
		Auth:      c.Auth,
		Limits:    c.Limits,
		Session:   c.Session,
		Retain:    c.Retain,
		Drain:     c.Drain,
		LogLevel:  c.Log.Level,
		Sys:       c.Sys,
	}
	for i := range l.Listeners {
		l.Listeners[i] = c.Listeners[i].clone()
	}
	return l
}

// Anonymous is the policy for clients without credentials that holds at listener i.
func (l *Live) Anonymous(i int) Anonymous {
	if a := l.Listeners[i].Auth; a != "" {
		return a
	}
	return l.Auth.Anonymous
}

// maxConnecting is how many connections of listener i may be there without an answer to their CONNECT; 0: any number.
func (l *Live) maxConnecting(i int) int {
	if n := l.Listeners[i].MaxConnecting; n != 0 {
		return n
	}
	return l.Limits.MaxConnecting
}

// maxConnectingPerAddress is how many of them may be of one source; 0: any number.
func (l *Live) maxConnectingPerAddress(i int) int {
	if n := l.Listeners[i].MaxConnectingPerAddress; n != 0 {
		return n
	}
	return l.Limits.MaxConnectingPerAddress
}

// minTLS is the oldest version of TLS that listener i speaks.
func (l *Live) minTLS(i int) TLSVersion {
	if v := l.Listeners[i].MinTLS; v != "" {
		return v
	}
	return l.TLS.MinVersion
}

// proxyNetworks are those whose connections to listener i begin with a PROXY header, and whether the peers of its unix
// socket are such. IPv4 is IPv4 in them, not written as IPv6. They are worked out anew at each call: once a Live will do.
func (l *Live) proxyNetworks(i int) (networks []netip.Prefix, unix bool) {
	networks, unix, _ = parseProxy(l.Listeners[i].Proxy) // Validate has seen the error
	return networks, unix
}

// Reloadable reports, as a *FieldError, the first key by which next differs from the running c that only a restart can
// change; nil when next.Live() is all there is to change.
func (c *Config) Reloadable(next *Config) error {
	var k checker
	if len(c.Listeners) != len(next.Listeners) {
		k.fail("listeners", needsRestart(len(c.Listeners), len(next.Listeners)))
		return k.err()
	}
	for i, was := range c.Listeners {
		at, is := "listeners."+strconv.Itoa(i), next.Listeners[i]
		fixed(&k, at+".name", was.Name, is.Name)
		fixed(&k, at+".kind", was.kind(), is.kind())
		fixed(&k, at+".address", was.Address, is.Address)
		fixed(&k, at+".mountpoint", was.Mountpoint, is.Mountpoint)
		fixed(&k, at+".nagle", was.Nagle, is.Nagle)
		fixed(&k, at+".tcp_keep_alive", was.TCPKeepAlive, is.TCPKeepAlive)
		fixed(&k, at+".tcp_user_timeout", was.TCPUserTimeout, is.TCPUserTimeout)
		fixed(&k, at+".mode", was.mode(), is.mode())
		fixed(&k, at+".path", was.path(), is.path())
	}
	fixed(&k, "loops", c.Loops, next.Loops)
	fixed(&k, "tls.max_handshakes", c.TLS.MaxHandshakes, next.TLS.MaxHandshakes)
	fixed(&k, "tls.handshake_cores", c.TLS.HandshakeCores, next.TLS.HandshakeCores)
	c.Store.fixed(&k, &next.Store)
	fixed(&k, "log.format", c.Log.Format, next.Log.Format)
	return k.err()
}

func fixed[T comparable](k *checker, field string, was, is T) {
	if was != is {
		k.fail(field, needsRestart(was, is))
	}
}

func needsRestart(was, is any) string {
	return fmt.Sprintf("needs a restart to change from %v to %v", was, is)
}

// fixed is all of the store: it is opened once.
func (s *Store) fixed(k *checker, next *Store) {
	fixed(k, "store.path", s.Path, next.Path)
	fixed(k, "store.sync", s.Sync, next.Sync)
	fixed(k, "store.interval", s.Interval, next.Interval)
	fixed(k, "store.gather", s.Gather, next.Gather)
	fixed(k, "store.segment_size", s.SegmentSize, next.SegmentSize)
	fixed(k, "store.quota", s.Quota, next.Quota)
	fixed(k, "store.high_water", s.HighWater, next.HighWater)
	fixed(k, "store.low_water", s.LowWater, next.LowWater)
	fixed(k, "store.strict", s.Strict, next.Strict)
}
