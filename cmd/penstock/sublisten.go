package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// listener is a running subscriber.
type listener struct {
	*SubCmd
	out       io.Writer
	leave     context.CancelCauseFunc
	connected bool // a connection stood at least once
	clearing  clearing

	mu      sync.Mutex // one message at a time: a lost connection may still have some when the next one stands
	printed int
	left    bool
}

// listen connects, subscribes and stays until ctx is over or the connection is lost.
func (l *listener) listen(ctx context.Context, o client.Options) error {
	var c *client.Client
	ready := make(chan struct{}) // a resumed session may deliver before Dial returns
	o.Handler = func(m *client.Message) { <-ready; l.handle(c, m) }
	c, err := l.dial(ctx, o, l.out)
	close(ready)
	if err != nil {
		return err
	}
	l.connected = true
	if err := l.subscribe(ctx, c); err != nil && ctx.Err() == nil {
		l.disconnect(c, mqtt.NormalDisconnection)
		return err
	}
	select {
	case <-ctx.Done():
	case <-c.Done():
		return c.Err()
	}
	l.mu.Lock()
	left := l.left
	l.mu.Unlock()
	if left {
		l.clearing.Wait()
	}
	reason := mqtt.NormalDisconnection
	if l.WillTopic != "" && l.version == mqtt.V5 && !left {
		reason = mqtt.DisconnectWithWillMessage // as mosquitto_sub: an interrupted listener is missed
	}
	return l.disconnect(c, reason)
}

// subscribe asks for all filters in one SUBSCRIBE, then gives up those of -U.
func (l *listener) subscribe(ctx context.Context, c *client.Client) error {
	filters := make([]client.Filter, len(l.Topics))
	for i, t := range l.Topics {
		filters[i] = client.Filter{Filter: t, QoS: l.QoS, RetainAsPublished: l.RetainAsPublished}
		if l.NoRetain && !l.RemoveRetained {
			filters[i].RetainHandling = 2 // what would not be printed need not be sent
		}
	}
	props := l.properties.of(mqtt.SUBSCRIBE)
	codes, _, err := c.SubscribeWith(ctx, filters, &props, nil)
	if err != nil {
		return err
	}
	if len(l.Unsubscribe) > 0 {
		props := l.properties.of(mqtt.UNSUBSCRIBE)
		if _, _, err := c.UnsubscribeWith(ctx, l.Unsubscribe, &props); err != nil {
			return err
		}
	}
	granted := false
	for i, code := range codes {
		granted = granted || !code.Failed()
		if code.Failed() && len(codes) > 1 {
			l.warn("subscription to %s was denied: %v", l.Topics[i], code)
		}
	}
	if !granted {
		l.warn("all subscription requests were denied: %v", codes[0])
	}
	if !granted || l.Leave {
		l.leave(errDone)
	}
	return nil
}

// handle decides about one message.
func (l *listener) handle(c *client.Client, m *client.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.left:
		return
	case l.RetainedOnly && !m.Retain:
		l.finish(c, errDone)
		return
	case l.filteredOut(m.Topic):
		return
	}
	if l.RemoveRetained && m.Retain {
		l.clearing.add(c, m.Topic, l.warn)
	}
	if m.Retain && l.NoRetain || l.RandomFilter != nil && rand.Float64()*100 >= *l.RandomFilter {
		return
	}
	if err := l.print(m); err != nil {
		l.finish(c, fmt.Errorf("write: %w", err))
		return
	}
	if l.printed++; l.Count != nil && l.printed >= *l.Count {
		l.finish(c, errDone)
	}
}

func (l *listener) filteredOut(topic string) bool {
	for _, f := range l.FilterOut {
		if client.Matches(f, topic) {
			return true
		}
	}
	return false
}

func (l *listener) finish(c *client.Client, why error) {
	l.left = true
	c.Stop() // what came behind this message is for the next run
	l.leave(why)
}

// print writes one message in one piece. As with mosquitto_sub an empty payload alone prints nothing at all.
func (l *listener) print(m *client.Message) error {
	var b []byte
	switch {
	case l.format != nil:
		var err error
		if b, err = l.format.append(nil, &record{Message: m, at: time.Now(), pretty: l.Pretty}); err != nil {
			l.warn("%v", err)
		}
	case len(m.Payload) == 0 && (l.NoEOL || !l.Verbose):
		return nil
	case len(m.Payload) == 0:
		b = append([]byte(m.Topic), " (null)"...)
	case l.Verbose:
		b = append(append([]byte(m.Topic), ' '), m.Payload...)
	default:
		b = m.Payload
	}
	if !l.NoEOL {
		b = append(b, '\n')
	}
	_, err := l.out.Write(b)
	return err
}

// clearing removes retained messages beside the handler: waiting there for acknowledgements would be waiting for what
// comes behind messages not handled yet.
type clearing struct {
	sync.WaitGroup
	mu     sync.Mutex
	topics []string
	busy   bool
}

func (k *clearing) add(c *client.Client, topic string, warn func(string, ...any)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.topics = append(k.topics, topic)
	if !k.busy {
		k.busy = true
		k.Go(func() { k.run(c, warn) })
	}
}

func (k *clearing) run(c *client.Client, warn func(string, ...any)) {
	for {
		k.mu.Lock()
		topics := k.topics
		k.topics, k.busy = nil, len(topics) > 0
		k.mu.Unlock()
		if len(topics) == 0 {
			return
		}
		for _, t := range topics {
			err := c.Publish(context.Background(), client.Message{Topic: t, QoS: 1, Retain: true})
			if errors.Is(err, mqtt.QoSNotSupported) {
				err = c.Publish(context.Background(), client.Message{Topic: t, Retain: true})
			}
			if err != nil {
				warn("the retained message of %s was not cleared: %v", t, err)
			}
		}
	}
}
