package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// SubCmd subscribes and prints what comes, with the options of mosquitto_sub.
type SubCmd struct {
	clientFlags `embed:""`

	Topics      texts `name:"topic" short:"t" placeholder:"FILTER" help:"Subscribe to this topic filter; repeatable."`
	Unsubscribe texts `short:"U" placeholder:"FILTER" help:"Unsubscribe from this filter after subscribing; repeatable."`
	FilterOut   texts `short:"T" placeholder:"FILTER" help:"Take no notice of topics that match; repeatable."`

	Verbose bool  `short:"v" help:"Print the topic before the payload."`
	Format  *text `short:"F" placeholder:"FORMAT" help:"Print messages in this format, as in mosquitto_sub(1): %t %p %q %r %l %m %x %X %j %J %I %U, %A %C %D %E %F %P %R %S for properties, @ for strftime."`
	Pretty  bool  `help:"Print the JSON of %j and %J over several lines."`
	NoEOL   bool  `name:"no-eol" short:"N" help:"Print no line end after a message."`
	Count   *int  `short:"C" placeholder:"N" help:"Leave after N messages."`
	Timeout *int  `short:"W" placeholder:"SECONDS" help:"Leave after so many seconds, with exit code 27."`
	Leave   bool  `name:"exit-after-subscribe" short:"E" help:"Leave when the subscriptions are acknowledged."`

	NoRetain          bool     `short:"R" help:"Do not print retained messages."`
	RetainedOnly      bool     `help:"Print retained messages only, and leave at the first other one."`
	RemoveRetained    bool     `help:"Clear each retained message that comes."`
	RetainAsPublished bool     `help:"Keep the RETAIN flag as published (5.0)."`
	RandomFilter      *float64 `placeholder:"PERCENT" help:"Print only so many percent of the messages, chosen at random."`

	format format
}

// reconnectAfter is the pause before a lost connection is opened again.
const reconnectAfter = time.Second

// Why a subscriber ends: -W, or because it has done what it was to do.
var (
	errTimedOut error = &exitError{exitTimeout, "Timed out"}
	errDone           = errors.New("done")
)

// Run subscribes and stays until it has done what it was told, or a signal ends it. A lost connection is opened again.
func (s *SubCmd) Run(out io.Writer) error {
	o, urlTopic, err := s.options()
	if err != nil {
		return err
	}
	if urlTopic != "" {
		s.Topics = append(s.Topics, urlTopic)
	}
	if err := s.check(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	defer signalled(cancel)()
	if s.Timeout != nil {
		time.AfterFunc(time.Duration(*s.Timeout)*time.Second, func() { cancel(errTimedOut) })
	}
	l := &listener{SubCmd: s, out: &lockedWriter{out: out}, leave: cancel}
	for {
		err := l.listen(ctx, o)
		if !s.again(ctx, err, l.connected) {
			return s.verdict(ctx, err)
		}
	}
}

// signalled has SIGINT and SIGTERM end the work; the returned function gives the signals back.
func signalled(cancel context.CancelCauseFunc) func() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		if _, ok := <-signals; ok {
			cancel(errDone)
		}
	}()
	return func() { signal.Stop(signals); close(signals) }
}

// again tells whether to connect once more, and waits before: after the loss of a connection that once stood, but not
// when the server said why it does not want us. Shutting down is no such reason.
func (s *SubCmd) again(ctx context.Context, err error, connected bool) bool {
	var refusal *client.ServerError
	if err == nil || !connected || errors.As(err, &refusal) && refusal.Reason != mqtt.ServerShuttingDown || errors.Is(err, client.ErrMessage) {
		return false
	}
	select {
	case <-time.After(reconnectAfter):
		return true
	case <-ctx.Done():
		return false
	}
}

// verdict is how the command ends.
func (s *SubCmd) verdict(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); cause {
	case nil:
	case errDone:
		return nil
	case errTimedOut:
		if s.Quiet {
			return &exitError{code: exitTimeout}
		}
		return errTimedOut
	default:
		return cause
	}
	if err == nil {
		return nil
	}
	return s.failed(err)
}

func (s *SubCmd) check() error {
	switch {
	case len(s.Topics) == 0:
		return usage("a topic filter (-t) must be given")
	case s.Count != nil && *s.Count < 1:
		return usage("invalid message count %d", *s.Count)
	case s.Timeout != nil && *s.Timeout < 1:
		return usage("invalid timeout %d", *s.Timeout)
	case s.NoRetain && s.RetainedOnly:
		return usage("-R and --retained-only cannot be used together")
	case s.RandomFilter != nil && !(*s.RandomFilter > 0 && *s.RandomFilter <= 100):
		return usage("--random-filter %g: must be above 0 and at most 100", *s.RandomFilter)
	}
	for _, f := range slices.Concat(s.Topics, s.Unsubscribe, s.FilterOut) {
		if err := client.CheckFilter(f); err != nil {
			return usage("invalid topic filter %q", f)
		}
	}
	if s.Format == nil {
		return nil
	}
	f, err := parseFormat(string(*s.Format))
	if err != nil {
		return usage("-F %s: %v", *s.Format, err)
	}
	s.format = f
	return nil
}

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
