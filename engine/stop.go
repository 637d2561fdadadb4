package engine

import (
	"context"
	"errors"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// Stop ends the broker: no new connections, a DISCONNECT 0x8B to every 5.0 client, what is queued is written, then
// everything is closed. Wills of connected clients are published to those who are still there. When ctx ends first, what
// is open is cut, and the error is that of ctx: what could not be waited for ends in the background. Further calls wait
// for the first one.
func (b *Broker) Stop(ctx context.Context) error {
	b.life.Lock()
	defer b.life.Unlock()
	switch b.phase {
	case made, prepared:
		b.fail()
		return nil
	case over:
		return nil
	}
	b.phase = over
	return b.shutdown(ctx)
}

func (b *Broker) shutdown(ctx context.Context) error {
	b.draining.Store(true)
	b.closeListeners()
	b.letGo()
	b.sys.end()
	for _, l := range b.loops {
		l.post((*loop).farewell)
	}
	b.awaitNoConns(ctx)
	b.lastRecords(ctx)
	b.cancel()
	b.watching.Wait()
	err := b.offload.Close(ctx)
	if s := b.parts.Store; s != nil {
		err = errors.Join(err, s.Close(ctx))
	}
	return errors.Join(err, b.net.Stop(ctx))
}

func (b *Broker) closeListeners() {
	for _, l := range b.listeners {
		if a := l.acceptor.Load(); a != nil {
			a.Stop()
		}
		_ = l.ln.Close()
	}
}

// farewell tells the clients of a loop that the broker goes, and those that are still being handed to it.
func (l *loop) farewell() {
	l.leaving = true
	for i := range l.connCount {
		if c := l.connAt(i).c; c != nil && c.state < draining {
			if c.state == connected {
				c.disconnect(mqtt.ServerShuttingDown)
				continue
			}
			c.refuse(mqtt.ServerUnavailable, "")
		}
	}
}

// lastRecords hands what the loops have still to store over, and the time.
func (b *Broker) lastRecords(ctx context.Context) {
	for _, l := range b.loops {
		done := make(chan struct{})
		l.post(func(l *loop) {
			if l.id == 0 && l.stores() {
				l.writeClock()
			}
			l.commit()
			close(done)
		})
		select {
		case <-done:
		case <-ctx.Done():
			return
		}
	}
}

// awaitNoConns waits until every loop has closed its connections, or the context ends: then they are cut.
func (b *Broker) awaitNoConns(ctx context.Context) {
	pause := time.NewTicker(tickLength / 4)
	defer pause.Stop()
	for _, l := range b.loops {
		left := make(chan int, 1)
		for n := 1; n > 0; {
			l.post(func(l *loop) { left <- int(l.connCount) - len(l.freeConns) })
			select {
			case n = <-left:
			case <-ctx.Done():
				return
			}
			if n == 0 {
				break
			}
			select {
			case <-pause.C:
			case <-ctx.Done():
				return
			}
		}
	}
}
