package compare

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// How long a broker has to serve when it has no state yet, and how often it is tried.
const (
	readyWithin = 20 * time.Second
	tryEvery    = 20 * time.Millisecond
)

// ready waits until the broker answers a CONNECT with a CONNACK that accepts.
func (p *process) ready(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(tryEvery)
	defer tick.Stop()
	var why error
	for {
		err := p.connect(ctx)
		if err == nil {
			return nil
		}
		if why == nil || ctx.Err() == nil { // not that the last attempt was cut short
			why = err
		}
		select {
		case <-p.ended:
			return fmt.Errorf("ended by itself: %v", p.err)
		case <-ctx.Done():
			return fmt.Errorf("does not serve: %w", why)
		case <-tick.C:
		}
	}
}

func (p *process) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	c, _, err := client.Dial(ctx, client.Options{Addr: p.addr, TLS: p.trust, Version: mqtt.V311, ClientID: "ready", CleanStart: true})
	if err != nil {
		return err
	}
	return c.Disconnect(ctx, mqtt.NormalDisconnection)
}

// words is the end of what the broker has printed.
func (p *process) words() string {
	text, err := os.ReadFile(p.said.Name())
	text = bytes.TrimSpace(text)
	if err != nil || len(text) == 0 {
		return ""
	}
	return "; it said: " + string(text[max(0, len(text)-300):])
}

// over reports whether the broker has ended though nobody told it to.
func (p *process) over() error {
	select {
	case <-p.ended:
		return fmt.Errorf("the broker ended by itself: %v%s", p.err, p.words())
	default:
		return nil
	}
}
