package engine

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// Client is what the broker knows of a client: its session, and its connection if it has one.
type Client struct {
	ClientID  string
	Principal string // who began the session; empty for anonymous clients
	Username  string // of the last connection
	Version   mqtt.Version
	Expiry    uint32 // Session Expiry Interval in seconds; 0: ends with the connection, 0xFFFFFFFF: never
	Loop      int    // index of the event loop that owns the session

	Subscriptions int
	Inflight      int // outgoing QoS 1 and 2 exchanges that are open
	Queued        int // messages that wait for the window or for the client
	QueuedBytes   int

	Connected bool // the fields below are about the connection
	Listener  string
	Transport Kind           // of the listener
	Remote    netip.AddrPort // zero over a unix socket, and where a proxy knows none
	Proxy     netip.AddrPort // of the proxy that forwards the client
	Proxied   bool           // there is one; over a unix socket it has no address
	TLS       *ClientTLS     // nil: none, or a list
	Since     time.Time      // when the connection came, to 4 s
	KeepAlive time.Duration
	Outbound  int // bytes that wait to be written
}

// ClientQuery chooses clients and the page of them.
type ClientQuery struct {
	Prefix   string // of the client identifier
	Contains string // in the client identifier
	Online   bool   // only clients with a connection
	After    uint64 // where the last page ended; 0 begins
	Limit    int    // clients on a page; 0 is 100
}

// ClientPage is a part of the clients. They come in no particular order, but always in the same.
type ClientPage struct {
	Clients []Client
	Next    uint64 // After of the next page; 0: this is the last
}

// Clients lists clients page by page. It walks over the sessions in pieces of a thousand, each a short visit to every
// loop, so that no loop is held up however many there are. A session that moves between loops just then may be missed.
// The error is that of ctx, or ErrStopped.
func (b *Broker) Clients(ctx context.Context, q ClientQuery) (ClientPage, error) {
	limit := cmp.Or(max(q.Limit, 0), 100)
	var page ClientPage
	from := uint32(min(q.After, 1<<32-1))
	for {
		piece, more, err := b.clientPiece(ctx, &q, from, limit+1-len(page.Clients))
		if err != nil {
			return ClientPage{}, err
		}
		for _, f := range piece {
			if len(page.Clients) == limit {
				page.Next = uint64(f.slot) // the first that did not fit
				return page, nil
			}
			page.Clients = append(page.Clients, f.client)
		}
		if !more {
			return page, nil
		}
		from = (from/tableChunk + 1) * tableChunk
		if len(page.Clients) == limit {
			page.Next = uint64(from)
			return page, nil
		}
	}
}

// found is a client at its slot, by which pages are ordered.
type found struct {
	slot   uint32
	client Client
}

// clientPiece asks every loop, at the same time, for its sessions from a slot to the end of that slot's chunk, each for no
// more than are wanted of all.
func (b *Broker) clientPiece(ctx context.Context, q *ClientQuery, from uint32, want int) (all []found, more bool, err error) {
	if !b.started.Load() {
		return nil, false, ErrStopped
	}
	type answer struct {
		found []found
		more  bool
	}
	query := *q // the caller may be gone when a loop looks at it
	answers := make(chan answer, len(b.loops))
	for _, l := range b.loops {
		l.post(func(l *loop) {
			list, more := l.findClients(&query, from, want)
			answers <- answer{list, more}
		})
	}
	for range b.loops {
		select {
		case a := <-answers:
			all = append(all, a.found...)
			more = more || a.more
		case <-ctx.Done():
			return nil, false, ctx.Err()
		case <-b.ctx.Done():
			return nil, false, ErrStopped
		}
	}
	slices.SortFunc(all, func(x, y found) int { return cmp.Compare(x.slot, y.slot) })
	return all, more, nil
}

// findClients looks through one chunk of the table of sessions for so many; more says that there are chunks behind it.
func (l *loop) findClients(q *ClientQuery, from uint32, want int) (list []found, more bool) {
	chunk := int(from / tableChunk)
	if chunk >= len(l.table) {
		return nil, false
	}
	if l.table[chunk] != nil {
		for _, s := range l.table[chunk][from%tableChunk:] {
			if len(list) == want {
				break
			}
			if s != nil && q.matches(s) {
				list = append(list, found{s.Slot, l.describe(s)})
			}
		}
	}
	return list, chunk+1 < len(l.table)
}

func (q *ClientQuery) matches(s *sess) bool {
	return !s.Sink && (s.conn != nil || !q.Online) && strings.HasPrefix(s.ClientID, q.Prefix) && strings.Contains(s.ClientID, q.Contains)
}

// describe is what a client's page says of a session.
func (l *loop) describe(s *sess) Client {
	c := Client{
		ClientID: s.ClientID, Principal: s.Principal, Username: s.username(), Version: s.Version, Expiry: s.Expiry, Loop: int(l.id),
		Subscriptions: s.Subs.Len(), Inflight: s.InFlight(), Queued: s.Queue.Len(), QueuedBytes: s.Queue.Bytes(),
	}
	if n := s.conn; n != nil {
		c.Connected, c.Listener, c.Transport, c.Remote = true, n.lst.name, n.lst.kind, n.remote()
		if y := n.layers(); y != nil && y.proxied != nil {
			c.Proxied, c.Proxy = true, n.nc.RemoteAddr()
		}
		c.KeepAlive, c.Outbound = time.Duration(n.keepAlive)*time.Second, int(n.outBytes)
		c.Since = time.Now().Add(-n.nc.Age()).Truncate(time.Second)
	}
	return c
}
