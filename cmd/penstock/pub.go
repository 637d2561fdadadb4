package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// PubCmd publishes messages, with the options of mosquitto_pub.
type PubCmd struct {
	clientFlags `embed:""`

	Topic   text  `short:"t" placeholder:"TOPIC" help:"Publish to this topic."`
	Message *text `short:"m" placeholder:"MESSAGE" help:"The message."`
	File    text  `short:"f" placeholder:"FILE" help:"Send a file's content as the message."`
	Lines   bool  `name:"stdin-line" short:"l" aliases:"multiline" help:"Send each line of stdin as a message."`
	Stdin   bool  `name:"stdin-file" short:"s" aliases:"stdin" help:"Send all of stdin as one message."`
	Null    bool  `name:"null-message" short:"n" help:"Send an empty message."`
	Retain  bool  `short:"r" help:"Have the server retain the message."`

	Repeat      int     `default:"1" placeholder:"N" help:"Send the message N times."`
	RepeatDelay float64 `placeholder:"SECONDS" help:"Pause before each repetition."`

	refused atomic.Pointer[client.ServerError] // the first message that the server has refused
}

// Run publishes and returns when every message has its last acknowledgement. It fails when the server has refused one
// of them.
func (p *PubCmd) Run(out io.Writer) error {
	o, urlTopic, err := p.options()
	if err != nil {
		return err
	}
	if urlTopic != "" {
		p.Topic = text(urlTopic)
	}
	if p.Topic != "" {
		if err := client.CheckTopic(string(p.Topic)); err != nil {
			return usage("invalid topic %q: is there a wildcard in it?", p.Topic)
		}
	}
	payload, err := p.payload()
	if err != nil {
		return err
	}
	ctx := context.Background()
	c, err := p.dial(ctx, o, &lockedWriter{out: out})
	if err != nil {
		return p.failed(err)
	}
	if p.Lines {
		err = p.publishLines(ctx, c, os.Stdin)
	} else {
		err = p.publishRepeatedly(ctx, c, payload)
	}
	bye := p.disconnect(c, mqtt.NormalDisconnection)
	if err == nil {
		err = bye
	}
	if err != nil {
		return p.failed(err)
	}
	if r := p.refused.Load(); r != nil {
		return &exitError{code: int(r.Reason)} // it was warned of
	}
	return nil
}

// payload reads the message before there is a connection that waits for it.
func (p *PubCmd) payload() (b []byte, err error) {
	sources := 0
	for _, given := range []bool{p.Message != nil, p.File != "", p.Lines, p.Stdin, p.Null} {
		if given {
			sources++
		}
	}
	switch {
	case p.Topic == "" || sources == 0:
		return nil, usage("a topic (-t) and a message (-m, -f, -l, -s or -n) must be given")
	case sources > 1:
		return nil, usage("only one of -m, -f, -l, -s and -n can be used at a time")
	case p.Repeat < 1:
		return nil, usage("--repeat %d: at least once", p.Repeat)
	case p.RepeatDelay < 0:
		return nil, usage("--repeat-delay %g: it cannot be negative", p.RepeatDelay)
	case p.Message != nil:
		return []byte(*p.Message), nil
	case p.File != "":
		b, err = os.ReadFile(string(p.File))
	case p.Stdin:
		if b, err = io.ReadAll(os.Stdin); err == nil && len(b) == 0 {
			err = errors.New("stdin is empty; an empty message is sent with -n")
		}
	}
	if err != nil {
		return nil, usage("read the message: %v", err)
	}
	return b, nil
}

func (p *PubCmd) message(payload []byte) client.Message {
	return client.Message{
		Topic: string(p.Topic), Payload: payload, QoS: p.QoS, Retain: p.Retain,
		Props: p.properties.of(mqtt.PUBLISH),
	}
}

// publishRepeatedly sends one message, each time after the last acknowledgement of the time before.
func (p *PubCmd) publishRepeatedly(ctx context.Context, c *client.Client, payload []byte) error {
	m := p.message(payload)
	for n := range p.Repeat {
		if n > 0 && p.RepeatDelay > 0 {
			select {
			case <-time.After(time.Duration(p.RepeatDelay * float64(time.Second))):
			case <-c.Done():
				return c.Err()
			}
		}
		if err := p.judge(c.Publish(ctx, m)); err != nil {
			return err
		}
		p.dropTopic(&m)
	}
	return nil
}

// publishLines sends the lines as they come, without waiting for one acknowledgement before the next line.
// A last line without a line end is a message, too.
func (p *PubCmd) publishLines(ctx context.Context, c *client.Client, in io.Reader) error {
	var open sync.WaitGroup
	var failure atomic.Pointer[error]
	done := func(r client.Result) {
		if err := p.judge(r.Err); err != nil {
			failure.CompareAndSwap(nil, &err)
		}
		open.Done()
	}
	m := p.message(nil)
	for r := bufio.NewReader(in); ; {
		line, err := r.ReadBytes('\n')
		if err != nil && len(line) == 0 {
			if err != io.EOF {
				return fmt.Errorf("read stdin: %w", err)
			}
			break
		}
		if line[len(line)-1] == '\n' {
			line = line[:len(line)-1]
		}
		m.Payload = line
		open.Add(1)
		if err := c.PublishAsync(ctx, m, done); err != nil {
			open.Done()
			return err
		}
		p.dropTopic(&m)
	}
	all := make(chan struct{})
	go func() { open.Wait(); close(all) }()
	select {
	case <-all:
	case <-c.Done():
		// With -c the session would go on with what is open, but nobody is there to connect again.
		return c.Err()
	}
	if err := failure.Load(); err != nil {
		return *err
	}
	return nil
}

// dropTopic leaves the topic to the alias after the first message, if -D gave one.
func (p *PubCmd) dropTopic(m *client.Message) {
	if m.Props.Has(mqtt.PropTopicAlias) {
		m.Topic = ""
	}
}

// judge warns of a refused message and goes on, as mosquitto_pub does: the connection is fine. In the end the exit code is
// the reason of the first.
func (p *PubCmd) judge(err error) error {
	var refusal *client.ServerError
	if errors.As(err, &refusal) && refusal.Packet != mqtt.DISCONNECT {
		p.warn("publish failed: %v", refusal)
		p.refused.CompareAndSwap(nil, refusal)
		return nil
	}
	return err
}
