package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/penstock-mqtt/penstock/engine/internal/netloop"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// Prepare binds the listeners, or takes them up from Parts.Sockets, and reads the TLS material: all that can fail before
// anybody is served. Start does it when it was not done. Where another process will hand over, Prepare also reads ahead in
// the store that this one still writes to, so that little is left to read while nobody serves.
func (b *Broker) Prepare() error {
	b.life.Lock()
	defer b.life.Unlock()
	if err := b.prepare(); err != nil {
		return err
	}
	if err := b.readAhead(); err != nil {
		b.fail()
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// readAheadFor is for how long a process that is to take the place of another reads ahead: that one does not wait for ever.
const readAheadFor = 15 * time.Second

// readAhead fails when the store can never be read. Whatever else keeps it from being read now may be over once it is ours.
func (b *Broker) readAhead() error {
	w, ok := b.parts.Store.(interface{ Warm(context.Context) error })
	if !ok || b.parts.State == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(b.ctx, readAheadFor)
	defer cancel()
	err := w.Warm(ctx)
	if errors.Is(err, store.ErrNewer) {
		return err
	}
	if err != nil {
		b.log.Debug("the store was not read ahead", "err", err)
	}
	return nil
}

func (b *Broker) prepare() (err error) {
	switch b.phase {
	case made:
	case prepared:
		return nil
	case serving, parted:
		return ErrStarted
	default:
		return ErrStopped
	}
	defer b.closeUnwanted()
	for i := range b.cfg.Listeners {
		lst, err := b.open(i)
		if err != nil {
			b.fail()
			return fmt.Errorf("listeners.%d: %w", i, err)
		}
		b.listeners = append(b.listeners, lst)
	}
	b.phase = prepared
	return nil
}

// Start serves. When it fails nothing is left running, and the broker is of no further use. A broker starts once.
func (b *Broker) Start() (err error) {
	b.life.Lock()
	defer b.life.Unlock()
	if err := b.prepare(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			b.fail()
		}
	}()
	b.phase = serving
	b.net, err = netloop.Start(netloop.Config{Loops: b.loopCount(), Tick: tickLength, Logger: b.log}, handler{b})
	if err != nil {
		return err
	}
	for _, nl := range b.net.Loops() {
		l := b.newLoop(nl)
		nl.Value = l
		b.loops = append(b.loops, l)
	}
	b.ready.Store(true)
	if err := b.recover(); err != nil {
		return err
	}
	for _, lst := range b.listeners {
		lst.ownFile() // not before: until here the process before may have to go on
	}
	b.serve()
	b.started.Store(true)
	b.sys.start()
	if slices.ContainsFunc(b.listeners, func(l *listener) bool { return l.material != nil }) {
		b.watching.Go(b.watchMaterial)
	}
	return nil
}

// serve lets clients in.
func (b *Broker) serve() {
	for _, lst := range b.listeners {
		a := lst.acceptor.Swap(b.net.Serve(lst.ln, lst))
		if a != nil { // it served until a hand-over that came to nothing
			lst.accepted.Add(a.Accepted())
			lst.shed.Add(a.Shed())
		}
	}
}

// fail ends what a start that failed has begun.
func (b *Broker) fail() {
	b.phase = over
	b.cancel()
	b.closeListeners()
	if b.net != nil {
		_ = b.net.Stop(context.Background())
	}
	if b.opened { // else nobody else could open it, the process before among them
		ctx, cancel := context.WithTimeout(context.Background(), settleGrace)
		defer cancel()
		_ = b.parts.Store.Close(ctx)
	}
}

// closeUnwanted closes the sockets that were passed on and serve no listener.
func (b *Broker) closeUnwanted() {
	for i, s := range b.parts.Sockets {
		if s.File != nil {
			_ = s.File.Close()
			b.parts.Sockets[i].File = nil
		}
	}
}
