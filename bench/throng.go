package bench

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// latch counts clients that are to reach the end of a step.
type latch struct {
	left atomic.Int64
	news chan struct{} // holds a word when some have
}

// settled says that the client has come to the end of what it was asked for, or failed. On its lane.
func (r *run) settled(k *client) {
	if !k.awaited {
		return
	}
	k.awaited = false
	r.step.left.Add(-1)
	select {
	case r.step.news <- struct{}{}:
	default:
	}
}

const (
	// CONNECTs and SUBSCRIBEs under way at a time: less than the hundred connections that some brokers let wait to be
	// accepted, because one more is lost and tried again after a second.
	maxUnanswered = 96
)

// patience is for a broker that makes no progress with them. Tests have less.
var patience = 30 * time.Second

// connect connects the clients, at Config.ConnectRate if there is one, and waits for their CONNACKs. The error is the
// first client's that was refused.
func (r *run) connect(ctx context.Context, clients ...*client) error {
	if err := r.launch(); err != nil {
		return err
	}
	r.enter("connect", 0)
	if err := r.throng(ctx, clients, r.cfg.ConnectRate, (*client).dial); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return nil
}

// subscribe sends the SUBSCRIBEs of those clients that have filters, and waits for their SUBACKs.
func (r *run) subscribe(ctx context.Context, clients ...*client) error {
	var with []*client
	for _, k := range clients {
		if len(k.filters) > 0 {
			with = append(with, k)
		}
	}
	r.enter("subscribe", 0)
	if err := r.throng(ctx, with, 0, func(k *client) { k.subscribe() }); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	return nil
}

// throng has each client take a step, on its lane, and waits until all have settled. A rate of 0 is as fast as they do.
func (r *run) throng(ctx context.Context, clients []*client, rate float64, step func(*client)) error {
	n, next, began := int64(len(clients)), 0, r.now()
	r.step.left.Store(n)
	moved, left := began, n
	for next < len(clients) || left > 0 {
		due := len(clients)
		if rate > 0 {
			due = min(due, 1+int((r.now()-began).Seconds()*rate))
		}
		for next < due && int64(next)-(n-r.step.left.Load()) < maxUnanswered {
			k := clients[next]
			next++
			k.lane.loop.Post(func() { k.awaited = true; step(k) })
		}
		if err := r.pause(ctx, time.Millisecond); err != nil {
			return err
		}
		if now := r.step.left.Load(); now != left {
			left, moved = now, r.now()
		} else if next == len(clients) && r.now()-moved > patience {
			return fmt.Errorf("%d of %d clients got no answer within %v", left, n, patience)
		}
	}
	var failed error
	r.each(func(ln *lane) {
		for _, k := range clients {
			if k.lane == ln && k.failed != nil && failed == nil {
				failed = k.failed
			}
		}
	})
	return failed
}
