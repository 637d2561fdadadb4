package client

import (
	"slices"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/trie"
)

// Handler takes an incoming message. The messages of a connection come one after the other, and the
// acknowledgement goes out when the handler has returned; while it works the client reads
// Options.ReadAhead messages further and then nothing more, which slows the server down.
type Handler func(m *Message)

// route leads from a filter to the handler of the Subscribe that named it.
type route struct {
	filter string  // as subscribed
	match  []byte  // without $share/group
	id     uint32  // subscription identifier, 0: none
	target *target // nil in request.undo: there was no such route
}

// target is one Subscribe: it gets a message once, however many of its filters match.
type target struct{ handle Handler }

// route directs the filters of rq to h from now on. The lock is held.
func (c *Client) route(rq *request, p *mqtt.Properties, h Handler) {
	if h == nil {
		h = c.opt.Handler
	}
	t := &target{handle: h}
	for _, f := range rq.filters {
		r := route{filter: f, match: []byte(f), target: t}
		if _, rest, shared, _ := trie.SplitShared(r.match); shared {
			r.match = rest
		}
		if len(p.SubscriptionIDs) > 0 {
			r.id = p.SubscriptionIDs[0]
		}
		rq.undo = append(rq.undo, c.setRoute(r))
	}
}

// setRoute replaces the route of a filter, removes it if r has no target, and returns what was there.
func (c *Client) setRoute(r route) (old route) {
	i := slices.IndexFunc(c.routes, func(o route) bool { return o.filter == r.filter })
	switch {
	case i >= 0 && r.target != nil:
		old, c.routes[i] = c.routes[i], r
	case i >= 0:
		old, c.routes = c.routes[i], slices.Delete(c.routes, i, i+1)
	case r.target != nil:
		c.routes = append(c.routes, r)
	}
	if i < 0 {
		old = route{filter: r.filter}
	}
	return old
}

// settle makes the routes agree with the answer. The lock is held.
func (c *Client) settle(rq *request, codes []mqtt.Reason) {
	if rq.answer == mqtt.UNSUBACK {
		for i, f := range rq.filters {
			if i >= len(codes) || codes[i] < 0x80 {
				c.setRoute(route{filter: f})
			}
		}
		return
	}
	for i := len(codes) - 1; i >= 0; i-- {
		if codes[i] >= 0x80 {
			c.setRoute(rq.undo[i])
		}
	}
}

// handlers finds who gets m: by subscription identifier if the server named some that are ours, else
// by matching the filters, else Options.Handler.
func (c *Client) handlers(m *Message) (hs []Handler) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var seen []*target
	add := func(t *target) {
		if !slices.Contains(seen, t) {
			seen = append(seen, t)
			if t.handle != nil {
				hs = append(hs, t.handle)
			}
		}
	}
	for _, id := range m.Props.SubscriptionIDs {
		for i := range c.routes {
			if c.routes[i].id == id {
				add(c.routes[i].target)
			}
		}
	}
	if len(seen) == 0 {
		for i := range c.routes {
			if trie.Matches(c.routes[i].match, []byte(m.Topic)) {
				add(c.routes[i].target)
			}
		}
	}
	if len(seen) == 0 && c.opt.Handler != nil {
		hs = append(hs, c.opt.Handler)
	}
	return hs
}
