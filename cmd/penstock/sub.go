package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"slices"
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
