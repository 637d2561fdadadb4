package engine

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/fanout"
	"github.com/penstock-mqtt/penstock/trie"
)

// Message is what an embedder publishes or receives. Slices given to a handler are valid until it returns.
type Message struct {
	Topic   []byte
	Payload []byte
	QoS     uint8
	Retain  bool
	Expiry  time.Duration // 0: never
}

// ErrStopped is the answer of a broker that does not run.
var ErrStopped = errors.New("engine: the broker does not run")

// Publish publishes a message of the embedding program, as if an unrestricted client had. It returns when the message
// is with every receiver's queue on the publishing loop and on its way to the others. Messages of one topic that are
// published one after the other arrive in that order. mqtt.QuotaExceeded is in the error when the message would have to be
// stored and the store has no room or has failed, or when it would go to a full queue and the policy is Refuse: nobody gets
// it then.
func (b *Broker) Publish(ctx context.Context, m Message) error {
	switch {
	case !trie.ValidName(m.Topic), !utf8.Valid(m.Topic):
		return fmt.Errorf("engine: publish to %q: %w", m.Topic, mqtt.TopicNameInvalid)
	case m.QoS > 2:
		return fmt.Errorf("engine: publish at QoS %d: %w", m.QoS, mqtt.QoSNotSupported)
	case len(m.Payload) > maxPayload:
		return fmt.Errorf("engine: publish %d bytes: %w", len(m.Payload), mqtt.PacketTooLarge)
	}
	return b.run(ctx, b.pickFor(m.Topic), func(l *loop) error {
		if l.frozen {
			return ErrStopped
		}
		if err := l.noRoom(&m); err != nil {
			return err
		}
		l.publishOwn(m.Topic, m.Payload, m.QoS, m.Retain, m.Expiry)
		return nil
	})
}

// maxPayload leaves room in the largest packet for the topic and what a receiver's subscriptions add.
const maxPayload = mqtt.MaxRemaining - 1<<20

// publishOwn routes a message that no client sent.
func (l *loop) publishOwn(topic, payload []byte, qos uint8, retain bool, expiry time.Duration) {
	l.cutBatch()
	m := l.pool.NewMessageParts(topic, nil, payload, qos, retain)
	if expiry > 0 {
		m.Expires = l.now + expiry
	}
	need := false
	if retain {
		need = l.retain(m)
	}
	l.route(m, l.router.Plan(topic), origin{need: need})
	l.pool.Release(m, 1)
}

// Subscription is an embedder's subscription.
type Subscription struct {
	b      *Broker
	l      *loop
	s      *sess
	filter []byte
}

// Subscribe calls handler for each message that matches filter, on an event loop: it must not block. Retained messages
// that match come first.
func (b *Broker) Subscribe(ctx context.Context, filter string, handler func(Message)) (*Subscription, error) {
	f := []byte(filter)
	if _, _, shared, ok := trie.SplitShared(f); !ok || shared || !trie.ValidFilter(f) {
		return nil, fmt.Errorf("engine: subscribe to %q: %w", filter, mqtt.TopicFilterInvalid)
	}
	sub := &Subscription{b: b, l: b.pick(), filter: f}
	err := b.run(ctx, sub.l, func(l *loop) error {
		s := &sess{}
		s.Sink = true
		s.Slot, s.Gen = b.slots.Take(l.id)
		b.slots.SetFlags(s.Slot, fanout.SlotOnline, 0)
		l.setSession(s.Slot, s)
		l.guest.Store(true)
		l.sinks[s.Slot] = func(m *fanout.Message) {
			handler(Message{Topic: m.Topic(), Payload: m.Payload(), QoS: m.QoS, Retain: m.Retain})
		}
		sub.s = s
		l.addSubscription(s, f, fanout.Target{Slot: s.Slot, Gen: s.Gen, QoS: 2, Flags: fanout.RetainAsPublished}, false)
		for _, ref := range b.retained.Collect(f, nil) {
			topic, value, ok := b.retained.Load(ref, nil, nil)
			if !ok {
				continue
			}
			if m, expired := l.retainedMessage(topic, value); !expired {
				l.give(s.Slot, m)
				l.pool.Release(m, 1)
			}
		}
		return nil
	})
	if err != nil {
		if sub.l != nil {
			sub.l.post(func(l *loop) { _ = sub.end(l) }) // it may come about yet
		}
		return nil, err
	}
	return sub, nil
}

// Close ends the subscription. The handler is not called any more once it returned.
func (s *Subscription) Close(ctx context.Context) error { return s.b.run(ctx, s.l, s.end) }

func (s *Subscription) end(l *loop) error {
	if s.s == nil {
		return nil
	}
	l.unsubscribeAll(s.s)
	l.setSession(s.s.Slot, nil)
	delete(l.sinks, s.s.Slot)
	s.b.slots.Free(s.s.Slot)
	s.s = nil
	return nil
}

// Disconnect ends a client's connection with a reason; it tells whether the client was connected.
func (b *Broker) Disconnect(ctx context.Context, clientID string, reason mqtt.Reason) (bool, error) {
	for {
		slot, home, ok := b.directory.lookup(clientID)
		if !ok {
			return false, nil
		}
		var found struct{ done, moved bool }
		err := b.run(ctx, b.loops[home], func(l *loop) error {
			s := l.session(slot)
			switch {
			case l.pending[slot] != nil:
				found.done = l.pending[slot].refuse(mqtt.ServerUnavailable) // a CONNECT that waits for its session
			case s == nil || s.ClientID != clientID:
				_, now, ok := b.directory.lookup(clientID)
				found.moved = ok && now != home
			case s.conn != nil:
				s.conn.disconnect(reason)
				found.done = true
			}
			return nil
		})
		if err != nil {
			return false, err // found may still be written to
		}
		if !found.moved {
			return found.done, nil
		}
	}
}

// run executes f on a loop and waits for it.
func (b *Broker) run(ctx context.Context, l *loop, f func(l *loop) error) error {
	if l == nil {
		return ErrStopped
	}
	done := make(chan error, 1)
	l.post(func(l *loop) { done <- f(l) })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-b.ctx.Done():
		return ErrStopped
	}
}

// pickFor is the loop that publishes the embedder's messages of a topic: one after the other, they stay in order.
func (b *Broker) pickFor(topic []byte) *loop {
	if len(b.loops) == 0 || b.ctx.Err() != nil {
		return nil
	}
	return b.loops[xxhash.Sum64(topic)%uint64(len(b.loops))]
}

// pick takes the loops in turn; nil when the broker does not run.
func (b *Broker) pick() *loop {
	if len(b.loops) == 0 || b.ctx.Err() != nil {
		return nil
	}
	return b.loops[b.next.Add(1)%uint32(len(b.loops))]
}
