package client

import (
	"bytes"
	"context"
	"fmt"

	"github.com/penstock-mqtt/penstock/codec/flow"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/trie"
)

// Filter is one topic filter of a SUBSCRIBE with its options; all but the QoS are 5.0's.
type Filter struct {
	Filter            string
	QoS               byte
	NoLocal           bool
	RetainAsPublished bool
	RetainHandling    byte
}

func (f *Filter) options(v mqtt.Version) byte {
	o := f.QoS
	if v < mqtt.V5 {
		return o
	}
	if f.NoLocal {
		o |= 1 << 2
	}
	if f.RetainAsPublished {
		o |= 1 << 3
	}
	return o | f.RetainHandling<<4
}

// request is a SUBSCRIBE or UNSUBSCRIBE without its answer.
type request struct {
	answer  mqtt.Type
	filters []string
	undo    []route // what the routes were before, by filter
	done    chan response
}

type response struct {
	codes []mqtt.Reason
	props mqtt.Properties
}

// Subscribe asks for filters and waits for the SUBACK, whose codes it returns, one a filter. What
// arrives for them goes to h, also before the SUBACK; a nil h means Options.Handler. The error is nil if the
// server answered, even if it granted nothing; then h is called for nothing.
func (c *Client) Subscribe(ctx context.Context, filters []Filter, h Handler) ([]mqtt.Reason, error) {
	codes, _, err := c.SubscribeWith(ctx, filters, nil, h)
	return codes, err
}

// SubscribeWith is Subscribe with properties (a subscription identifier, user properties) in both
// directions; props may be nil.
func (c *Client) SubscribeWith(ctx context.Context, filters []Filter, props *mqtt.Properties, h Handler) ([]mqtt.Reason, *mqtt.Properties, error) {
	p := mqtt.Subscribe{}
	if props != nil && c.version == mqtt.V5 {
		p.Props = *props
	}
	if err := c.checkFilters(filters, &p.Props); err != nil {
		return nil, nil, err
	}
	rq := &request{answer: mqtt.SUBACK, done: make(chan response, 1)}
	for i := range filters {
		f := &filters[i]
		rq.filters = append(rq.filters, f.Filter)
		p.Filters = append(p.Filters, mqtt.Subscription{Filter: []byte(f.Filter), Options: f.options(c.version)})
	}
	return c.ask(ctx, rq, func(dst []byte, id uint16) []byte {
		p.ID = id
		return p.AppendTo(dst, c.version, c.server.maximumPacketSize)
	}, func() { c.route(rq, &p.Props, h) })
}

// Unsubscribe ends subscriptions and waits for the UNSUBACK. The codes are empty for 3.x.
func (c *Client) Unsubscribe(ctx context.Context, filters ...string) ([]mqtt.Reason, error) {
	codes, _, err := c.UnsubscribeWith(ctx, filters, nil)
	return codes, err
}

// UnsubscribeWith is Unsubscribe with user properties; props may be nil.
func (c *Client) UnsubscribeWith(ctx context.Context, filters []string, props *mqtt.Properties) ([]mqtt.Reason, *mqtt.Properties, error) {
	p := mqtt.Unsubscribe{}
	if props != nil && c.version == mqtt.V5 {
		p.Props = *props
	}
	if len(filters) == 0 { // [MQTT-3.10.3-2]
		return nil, nil, badMessage("UNSUBSCRIBE without a filter")
	}
	for _, f := range filters {
		if _, err := parseFilter(f); err != nil {
			return nil, nil, err
		}
		p.Filters = append(p.Filters, []byte(f))
	}
	if err := checkUser(p.Props.User); err != nil {
		return nil, nil, err
	}
	rq := &request{answer: mqtt.UNSUBACK, filters: filters, done: make(chan response, 1)}
	return c.ask(ctx, rq, func(dst []byte, id uint16) []byte {
		p.ID = id
		return p.AppendTo(dst, c.version, c.server.maximumPacketSize)
	}, func() {})
}

// ask sends a request under an identifier of its own and waits for the answer. The identifier stays taken
// until the answer comes, also when nobody waits any more. [MQTT-2.2.1-3]
func (c *Client) ask(ctx context.Context, rq *request, packet func([]byte, uint16) []byte, sent func()) ([]mqtt.Reason, *mqtt.Properties, error) {
	if err := c.await(ctx, func() bool {
		_, ok := c.s.takeSeq(c.requests)
		return ok && c.hasRoom()
	}); err != nil {
		return nil, nil, err
	}
	id := flow.ID(c.s.next)
	if err := c.append(func(dst []byte) []byte { return packet(dst, id) }); err != nil {
		c.mu.Unlock()
		return nil, nil, err
	}
	c.s.next++
	c.requests[id] = rq
	sent()
	c.mu.Unlock()
	select {
	case r := <-rq.done:
		return r.codes, &r.props, nil
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	case <-c.dead:
		return nil, nil, c.Err()
	}
}

// checkFilters holds a SUBSCRIBE against the protocol and this server's announcements.
func (c *Client) checkFilters(filters []Filter, p *mqtt.Properties) error {
	if len(filters) == 0 { // [MQTT-3.8.3-2] 3.1.1 [MQTT-3.8.3-3]
		return badMessage("SUBSCRIBE without a filter")
	}
	for _, f := range filters {
		shared, err := parseFilter(f.Filter)
		switch {
		case err != nil:
			return err
		case f.QoS > 2 || f.RetainHandling > 2:
			return badMessage("options of filter %q", f.Filter)
		case shared && f.NoLocal: // [MQTT-3.8.3-4]
			return badMessage("No Local on shared subscription %q", f.Filter)
		case shared && !c.server.shared:
			return fmt.Errorf("subscribe to %q: %w", f.Filter, mqtt.SharedSubscriptionsNotSupported)
		case !c.server.wildcard && bytes.ContainsAny([]byte(f.Filter), "+#"):
			return fmt.Errorf("subscribe to %q: %w", f.Filter, mqtt.WildcardSubscriptionsNotSupported)
		}
	}
	if len(p.SubscriptionIDs) > 0 && !c.server.subscriptionID {
		return fmt.Errorf("subscribe: %w", mqtt.SubscriptionIdentifiersNotSupported)
	}
	return checkUser(p.User)
}

// CheckFilter tells what is wrong with a topic filter, without asking a server.
func CheckFilter(filter string) error {
	_, err := parseFilter(filter)
	return err
}

// Matches tells whether a topic is one that a filter asks for. For $share/group/filter ask with the
// filter alone. Both must be valid.
func Matches(filter, topic string) bool { return trie.Matches([]byte(filter), []byte(topic)) }

// parseFilter checks syntax. [MQTT-3.8.3-1] [MQTT-3.10.3-1] [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.3-1]
// [MQTT-4.8.2-1] [MQTT-4.8.2-2]
func parseFilter(s string) (shared bool, err error) {
	_, rest, shared, ok := trie.SplitShared([]byte(s))
	if !shared {
		rest = []byte(s)
	}
	if !ok || !validString(s) || !trie.ValidFilter(rest) {
		return false, badMessage("topic filter %q", s)
	}
	return shared, nil
}

// onAnswer takes a SUBACK or UNSUBACK.
func (c *Client) onAnswer(t mqtt.Type, id uint16, r response) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	rq := c.requests[id]
	if rq == nil || rq.answer != t {
		return violation("%v for identifier %d, which asked for none", t, id)
	}
	if len(r.codes) != len(rq.filters) && !(t == mqtt.UNSUBACK && c.version < mqtt.V5) {
		return violation("%v with %d codes for %d filters", t, len(r.codes), len(rq.filters))
	}
	delete(c.requests, id)
	c.settle(rq, r.codes)
	c.progressed() // the identifier came free
	rq.done <- r
	return nil
}
