package engine

import "github.com/penstock-mqtt/penstock/fanout"

// Kinds of inbox items beside messages.
const (
	itemCall   = 1 + iota // Arg is a func(*loop)
	itemShared            // a message for the member of a shared group that Arg, a *pick, names
	itemDetach            // Arg is a detach: another loop claims the session in Slot
	itemAttach            // Arg is the *sess that was claimed, or nil: there is none any more
	itemFence             // Arg is the fence's number; Slot the loop that waits
	itemFenced            // the answer
	itemRelax             // a loop that was behind has caught up
)

// post tells this loop to run f. Any goroutine may call it.
func (l *loop) post(f func(l *loop)) { l.send(fanout.Item{Kind: itemCall, Arg: f}) }

// send puts one item into this loop's inbox. Any goroutine may call it.
func (l *loop) send(it fanout.Item) {
	if l.inbox.PushOne(it) {
		l.nl.Wake()
	}
}

// tell queues an item for another loop until the end of the pass, behind what this loop told it before.
func (l *loop) tell(to uint32, it fanout.Item) {
	l.out[to] = append(l.out[to], it)
	l.nl.Defer()
}

// drain handles everything that other loops sent.
func (l *loop) drain() {
	items := l.inbox.Drain(l.spare)
	for i := range items {
		l.item(&items[i])
	}
	if len(items) > highWater {
		for _, o := range l.b.loops {
			l.tell(o.id, fanout.Item{Kind: itemRelax})
		}
	}
	clear(items)
	l.spare = items[:0]
	if cap(items) > 64<<10 {
		l.spare = nil
	}
}

func (l *loop) item(it *fanout.Item) {
	switch it.Kind {
	case 0:
		l.deliverItem(it)
		l.pool.Release(it.Msg, 1)
	case itemShared:
		l.deliverShared(it.Msg, it.Arg.(*pick))
		l.pool.Release(it.Msg, 1)
	case itemCall:
		it.Arg.(func(*loop))(l)
	case itemDetach:
		l.detach(it.Slot, it.Arg.(detach))
	case itemAttach:
		s, _ := it.Arg.(*sess)
		l.attach(it.Slot, s)
	case itemFence:
		l.tell(it.Slot, fanout.Item{Kind: itemFenced})
	case itemFenced:
		l.fenced()
	case itemRelax:
		l.relax()
	}
}

// highWater is how many items may wait for a loop before the loops that feed it stop reading from their publishers. The
// loop that was behind tells them when it has caught up. It is below what a session's window and queue take by default:
// a loop that was not given the processor for a while must not find more for one session than fits.
const highWater = 4096

// throttle stops reading from a connection that feeds a loop which cannot keep up.
func (l *loop) throttle(c *conn) {
	c.pause()
	if !c.has(slowed) {
		c.flags |= slowed
		l.slowed = append(l.slowed, c)
	}
}

// relax goes on with the connections that were stopped.
func (l *loop) relax() {
	l.throttled = false
	list := l.slowed
	l.slowed = nil
	l.goOnAll(list)
}

// goOnAll reads on from connections that waited for others.
func (l *loop) goOnAll(list []*conn) {
	for _, c := range list {
		c.flags &^= slowed
		if c.has(pausedInput) {
			c.resume()
		}
	}
}
