package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/internal/netloop"
	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/fanout"
)

// Sockets gives duplicates of the listening sockets, for the next process; whoever asks closes them.
func (b *Broker) Sockets() (list []Socket, err error) {
	b.life.Lock()
	defer b.life.Unlock()
	if b.phase != serving {
		return nil, ErrStopped
	}
	for _, lst := range b.listeners {
		f, err := lst.acceptor.Load().File()
		if err != nil {
			for _, s := range list {
				_ = s.File.Close()
			}
			return nil, fmt.Errorf("engine: listener %s: %w", lst.name, err)
		}
		list = append(list, Socket{Name: b.cfg.Listeners[lst.index].handle(), File: f})
	}
	return list, nil
}

// How long a hand-over waits for what is under way: CONNECTs that were sent already, what is still to be written.
const (
	connectGrace = time.Second
	flushGrace   = time.Second
	settleGrace  = 5 * time.Second // for sessions and messages between loops; without them the state is not whole
)

var errUnsettled = errors.New("engine: sessions are still on their way between loops")

// HandOver takes leave of all clients and writes the state of the broker to w, for Parts.State of the next process, but
// for what a store holds: that is closed, for the next process to open (HandOverStore, when it has another). No
// more is accepted (what connects waits in the backlog), what was read is carried out, written and committed, 5.0 clients
// are told 0x8B, or 0x9C where a server reference is set, and connections are closed. Wills are not published: they go
// along. Afterwards the broker owns nothing that counts and is to be stopped, or to serve again with Resume, also after an
// error. Until then it takes no message of the embedder's either, and no will and no session comes to its end.
func (b *Broker) HandOver(ctx context.Context, w io.Writer) error {
	b.life.Lock()
	defer b.life.Unlock()
	if b.phase != serving {
		return ErrStopped
	}
	for _, lst := range b.listeners {
		f, err := lst.acceptor.Load().File()
		if err != nil {
			b.letGo()
			return fmt.Errorf("engine: listener %s: %w", lst.name, err)
		}
		lst.kept = f
	}
	b.phase = parted
	b.draining.Store(true)
	b.sys.pause()
	for _, lst := range b.listeners {
		a := lst.acceptor.Load()
		a.Keep()
		a.Stop()
	}
	b.await(ctx, connectGrace, func() bool { // who was accepted is to get an answer
		return !slices.ContainsFunc(b.listeners, func(lst *listener) bool { return lst.connecting.Load() > 0 })
	})
	b.onLoops((*loop).hush)
	b.await(ctx, flushGrace, b.all(func(l *loop) bool { return !l.uncommitted() }))
	b.onLoops((*loop).part)
	b.await(ctx, flushGrace, b.all((*loop).flushed))
	b.onLoops(func(l *loop) {
		if l.frozen = true; l.id == 0 && l.stores() {
			l.writeClock()
		}
	})
	if !b.await(ctx, settleGrace, b.settled) {
		return errUnsettled
	}
	if err := b.export(w); err != nil || b.parts.Store == nil {
		return err
	}
	return b.release(ctx)
}

// release closes the store. One that has failed, or has no room, leaves something undone that nobody was told of: that is no
// reason to keep the next process from what it has.
func (b *Broker) release(ctx context.Context) error {
	stuck := b.parts.Store.Pressure() >= store.Full
	if stuck {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, flushGrace)
		defer cancel()
	}
	b.released = true
	err := b.parts.Store.Close(ctx)
	b.onLoops(func(l *loop) { l.hold.store = nil }) // what ends with the loops is not for us to write down any more
	switch {
	case err == nil:
	case stuck:
		b.log.Warn("the store is handed over as it is on the disk", "err", err)
	default:
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// letGo closes the sockets that were kept for Resume.
func (b *Broker) letGo() {
	for _, lst := range b.listeners {
		if lst.kept != nil {
			_ = lst.kept.Close()
			lst.kept = nil
		}
	}
}

// hush stops reading: what clients send from now on they send again to the next process.
func (l *loop) hush() {
	l.parting = true
	for i := range l.connCount {
		if c := l.connAt(i).c; c != nil && c.state < draining {
			c.pause()
		}
	}
}

// part takes leave of the loop's clients.
func (l *loop) part() {
	l.leaving = true
	reason := mqtt.ServerShuttingDown
	if l.live.Limits.ServerReference != "" {
		reason = mqtt.UseAnotherServer
	}
	for i := range l.connCount {
		switch c := l.connAt(i).c; {
		case c == nil || c.state >= draining:
		case c.state == connected:
			c.disconnect(reason)
		default:
			c.refuse(mqtt.ServerUnavailable, "")
		}
	}
}

// flushed tells whether all that is owed to clients is with the kernel.
func (l *loop) flushed() bool {
	for i := range l.connCount {
		if c := l.connAt(i).c; c != nil {
			if y := c.layers(); len(c.out) > 0 || y != nil && len(y.rest) > 0 {
				return false
			}
		}
	}
	return true
}

// settled tells whether no session and no message is on its way between loops. What one loop tells another arrives before
// the visit after next. What a store without room has not committed is not waited for.
func (b *Broker) settled() bool {
	quiet := b.all(func(l *loop) bool {
		return len(l.pending) == 0 && l.fence.answers == 0 && len(l.fence.moving)+len(l.fence.next)+len(l.hold.moving) == 0 &&
			(!l.uncommitted() || l.pressure() == store.Full) && !slices.ContainsFunc(l.out, func(list []fanout.Item) bool { return len(list) > 0 })
	})
	for range 4 {
		if !quiet() {
			return false
		}
	}
	return true
}

// all asks every loop, one after the other.
func (b *Broker) all(is func(l *loop) bool) func() bool {
	return func() bool {
		for _, l := range b.loops {
			answer := make(chan bool, 1)
			l.post(func(l *loop) { answer <- is(l) })
			if !<-answer {
				return false
			}
		}
		return true
	}
}

// onLoops has every loop do something and waits for it.
func (b *Broker) onLoops(do func(l *loop)) { b.all(func(l *loop) bool { do(l); return true })() }

// await waits until something holds, but no longer than so long, or ctx; it tells whether it does.
func (b *Broker) await(ctx context.Context, most time.Duration, holds func() bool) bool {
	end := time.NewTimer(most)
	defer end.Stop()
	for pause := time.Millisecond; !holds(); pause = min(2*pause, 50*time.Millisecond) {
		select {
		case <-time.After(pause):
		case <-end.C:
			return holds()
		case <-ctx.Done():
			return holds()
		}
	}
	return true
}

// ErrReleased is the answer to a Resume of a broker that has let go of its store: the next process may have written to it, so
// that the state has to be read anew, by another Broker.
var ErrReleased = errors.New("engine: the store was released")

// Resume serves again after a HandOver that nobody has taken up; of a broker with a store only when the HandOver has
// failed before that was released.
func (b *Broker) Resume() error {
	b.life.Lock()
	defer b.life.Unlock()
	switch {
	case b.phase == serving:
		return nil
	case b.phase != parted:
		return ErrStopped
	case b.released:
		return ErrReleased
	}
	var failed error
	for _, lst := range b.listeners {
		if lst.kept == nil {
			continue
		}
		ln, err := netloop.Adopt(lst.kept, lst.options)
		_ = lst.kept.Close()
		lst.kept = nil
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("engine: listener %s: %w", lst.name, err))
			continue
		}
		lst.ln = ln
		lst.ownFile()
	}
	b.onLoops(func(l *loop) {
		l.parting, l.leaving, l.frozen = false, false, false
		l.settleEstates()
	})
	b.draining.Store(false)
	b.phase = serving
	b.serve()
	b.sys.restart()
	return failed
}

// export writes the state to w.
func (b *Broker) export(w io.Writer) error {
	s := store.NewStreamWriter(w)
	s.Batch.Meta([]byte(clockMark), b.look(b.now()).append(nil)) // before whatever has a lifetime
	for _, lst := range b.listeners {
		if lst.material != nil {
			keys := slices.Concat(keySlices(lst.material.TicketKeys())...)
			s.Batch.Meta([]byte(ticketMeta+lst.title), keys)
		}
		if lst.kind == KindUnix && lst.ownsFile {
			s.Batch.Meta([]byte(fileMeta+lst.title), nil)
		}
	}
	if b.parts.Store == nil {
		if err := b.exportRetained(s); err != nil {
			return err
		}
	}
	var err error
	b.all(func(l *loop) bool { err = l.export(s); return err == nil })()
	if err != nil {
		return err
	}
	return s.Close()
}

// ticketMeta begins the key under which a listener's session ticket keys go along. They are in the hand-over alone, never
// in a store: who has them can read what a resumed session says.
const ticketMeta = "tickets/"

// fileMeta begins the key that says that the file of a listener's unix socket is the process's that ends last: a service
// manager removes its own.
const fileMeta = "file/"

// ownFile has the file of a unix socket removed with the listener, unless that is handed over.
func (lst *listener) ownFile() {
	if ln, ok := lst.ln.(*net.UnixListener); ok && lst.ownsFile {
		ln.SetUnlinkOnClose(true)
	}
}

func keySlices(keys [][32]byte) (list [][]byte) {
	for i := range keys {
		list = append(list, keys[i][:])
	}
	return list
}

// takeTickets takes up the keys of the process before.
func (b *Broker) takeTickets(title string, value []byte) {
	var keys [][32]byte
	for ; len(value) >= 32; value = value[32:] {
		keys = append(keys, [32]byte(value))
	}
	for _, lst := range b.listeners {
		if lst.title == title && lst.material != nil && len(keys) > 0 {
			lst.material.SetTicketKeys(keys)
		}
	}
}
