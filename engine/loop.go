package engine

import (
	"log/slog"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/internal/netloop"
	"github.com/penstock-mqtt/penstock/engine/internal/wheel"
	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/fanout"
	"github.com/penstock-mqtt/penstock/trie"
)

// loop is what one event loop owns. Everything here is touched by its goroutine only, but the inbox.
type loop struct {
	b      *Broker
	id     uint32
	nl     *netloop.Loop
	log    *slog.Logger
	live   *Live
	now    time.Duration // monotonic since the broker began; of the running callback
	tick   uint32        // now in ticks
	pool   fanout.Pool
	router *fanout.Router
	count  counters

	inbox fanout.Inbox
	spare []fanout.Item
	out   [][]fanout.Item // what other loops are told at the end of the pass

	conns     []*[connChunk]connSlot // in chunks, so that growth copies nothing
	connCount uint32
	freeConns []uint32
	table     [][]*sess // sessions owned, by slot in chunks
	pending   map[uint32]*pending
	sinks     map[uint32]func(m *fanout.Message) // embedders' subscriptions, by slot
	wheel     *wheel.Wheel
	fence     fence
	hold      holder

	dirty      []*conn
	spareD     []*conn
	freeOut    [][]outItem
	openings   []*opening
	scratch    []byte
	vec        [][]byte
	seqBlock   []uint64
	seqLists   [][]uint64
	ids        []uint32
	deliveries []store.Delivery
	alias      uint16 // assigned anew by the last frame; 0: none was
	topic      []byte
	value      []byte
	refs       []trie.RetainedRef
	replays    []replayed
	forms      fanout.Forms
	in         decoded

	throttled bool // another loop's inbox is above its mark
	behind    bool // it is the store that others wait for
	leaving   bool // the broker stops
	slowed    []*conn

	sweepCursor uint64
	swept       [][]byte // topics whose retained message was swept in the last tick
	nextSweep   uint32
}

// decoded holds one packet of each type that clients send, decoded in place and used again.
type decoded struct {
	connect     mqtt.Connect
	publish     mqtt.Publish
	ack         mqtt.Ack
	subscribe   mqtt.Subscribe
	suback      mqtt.Suback
	unsubscribe mqtt.Unsubscribe
	unsuback    mqtt.Unsuback
	disconnect  mqtt.Disconnect
	auth        mqtt.Auth
}

// connSlot is a connection's place in its loop; gen tells it from those that had the place before.
type connSlot struct {
	c   *conn
	gen uint16
}

const connChunk = 512

func (l *loop) connAt(i uint32) *connSlot { return &l.conns[i/connChunk][i%connChunk] }

// Kinds of inbox items beside messages.
const (
	itemCall   = 1 + iota // Arg is a func(*loop)
	itemShared            // a message for the member of a shared group that Arg, a pick, names
	itemDetach            // Arg is a detach: another loop claims the session in Slot
	itemAttach            // Arg is the *sess that was claimed, or nil: there is none any more
	itemFence             // Arg is the fence's number; Slot the loop that waits
	itemFenced            // the answer
	itemRelax             // a loop that was behind has caught up
)

// update sets the loop's clock; it begins each callback.
func (l *loop) update() {
	l.now = l.b.clock()
	l.tick = uint32(l.now / tickLength)
}

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
		l.deliverShared(it.Msg, it.Arg.(pick))
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
// loop that was behind tells them when it has caught up.
const highWater = 32768

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
	for _, c := range list {
		c.flags &^= slowed
		if c.state == connected && c.has(pausedInput) {
			c.resume()
		}
	}
}

// wantPass makes sure that what was put into the batch is committed.
func (l *loop) wantPass() {
	if l.stores() && l.hold.batch.Len() > 0 {
		l.nl.Defer()
	}
}

// endPass carries a pass out in the one legal order: store, tell the other loops, write.
func (l *loop) endPass() {
	l.commit()
	for i := range l.out {
		if len(l.out[i]) == 0 {
			continue
		}
		to := l.b.loops[i]
		wake, waiting := to.inbox.Push(l.out[i])
		if wake {
			to.nl.Wake()
		}
		if waiting > highWater {
			l.throttled = true
		}
		clear(l.out[i])
		l.out[i] = l.out[i][:0]
	}
	dirty := l.dirty
	l.dirty = l.spareD[:0]
	for _, c := range dirty {
		l.flush(c)
	}
	clear(dirty)
	l.spareD = dirty[:0]
	l.count.messages.v.Store(uint64(l.pool.Live()))
	l.count.frames.v.Store(uint64(l.pool.Framed()))
}

// session gives the session of a slot if this loop owns it.
func (l *loop) session(slot uint32) *sess {
	if i := slot / tableChunk; int(i) < len(l.table) && l.table[i] != nil {
		return l.table[i][slot%tableChunk]
	}
	return nil
}

const tableChunk = 1024

func (l *loop) setSession(slot uint32, s *sess) {
	i := int(slot / tableChunk)
	for i >= len(l.table) {
		l.table = append(l.table, nil)
	}
	if l.table[i] == nil {
		if s == nil {
			return
		}
		l.table[i] = make([]*sess, tableChunk)
	}
	l.table[i][slot%tableChunk] = s
}

// addConn gives a connection its place in the loop.
func (l *loop) addConn(c *conn) {
	if n := len(l.freeConns); n > 0 {
		c.idx = l.freeConns[n-1]
		l.freeConns = l.freeConns[:n-1]
	} else {
		c.idx = l.connCount
		l.connCount++
		if c.idx%connChunk == 0 {
			l.conns = append(l.conns, new([connChunk]connSlot))
		}
	}
	l.connAt(c.idx).c = c
}

func (l *loop) dropConn(c *conn) {
	l.clearTimer(c)
	s := l.connAt(c.idx)
	s.c = nil
	s.gen++
	l.freeConns = append(l.freeConns, c.idx)
	c.lst.count.Add(-1)
}

// Timers carry whom they are for: a kind, a generation, an index.
const (
	timerConn = iota
	timerSession
)

func timerData(kind uint8, gen uint16, n uint32) uint64 {
	return uint64(kind)<<48 | uint64(gen)<<32 | uint64(n)
}

func (l *loop) setTimer(c *conn, at uint32) {
	l.clearTimer(c)
	c.timer = l.wheel.Add(at, timerData(timerConn, l.connAt(c.idx).gen, c.idx))
}

func (l *loop) clearTimer(c *conn) {
	if c.timer != 0 {
		l.wheel.Del(c.timer)
		c.timer = 0
	}
}

// fire is a timer that is due, or that the wheel could not hold any longer.
func (l *loop) fire(data uint64) {
	gen, n := uint16(data>>32), uint32(data)
	switch data >> 48 {
	case timerConn:
		if s := l.connAt(n); s.c != nil && s.gen == gen {
			s.c.timer = 0
			l.connTimer(s.c)
		}
	case timerSession:
		if s := l.session(n); s != nil && s.Gen == gen {
			s.timer = 0
			l.sessionTimer(s)
		}
	}
}

// connTimer: the CONNECT is overdue, the keep alive may have run out, or the peer takes too long to go.
func (l *loop) connTimer(c *conn) {
	switch {
	case c.state == draining:
		l.hangUp(c)
	case c.state == connected:
		limit := keepAliveTicks(c.keepAlive)
		if limit == 0 {
			return
		}
		if c.has(slowed) { // nobody listens: what it said meanwhile is not known
			c.lastSeen = l.tick
		}
		if idle := l.tick - c.lastSeen; idle < limit {
			l.setTimer(c, c.lastSeen+limit)
			return
		}
		c.disconnect(mqtt.KeepAliveTimeout) // [MQTT-3.1.2-22] [MQTT-3.1.2-24]
	default:
		l.log.Debug("connect timeout", "remote", c.remote())
		l.count.closed[mqtt.MaximumConnectTime].add(1)
		c.abandon()
		c.state = draining
		c.forget()
		l.hangUp(c)
	}
}

// after is the first tick that is surely no earlier than d from now: the present tick is cut to a whole one. 0, which
// means never, when that is further ahead than anything is planned.
func (l *loop) after(d time.Duration) uint32 {
	n := ticks(d)
	if n == maxTicks {
		return 0
	}
	return l.tick + n + 1
}

// keepAliveTicks is one and a half times the keep alive, and one tick more because lastSeen is cut to whole ticks.
func keepAliveTicks(seconds uint16) uint32 {
	if seconds == 0 {
		return 0
	}
	return ticks(time.Duration(seconds)*time.Second*3/2) + 1
}
