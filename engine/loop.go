package engine

import (
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/penstock-mqtt/penstock/codec"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/internal/netloop"
	"github.com/penstock-mqtt/penstock/engine/internal/wheel"
	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/fanout"
	"github.com/penstock-mqtt/penstock/trie"
)

// loop is what one event loop owns. Everything here is touched by its goroutine only, but the inbox and guest.
type loop struct {
	b       *Broker
	id      uint32
	nl      *netloop.Loop
	log     *slog.Logger
	live    *Live
	now     time.Duration // monotonic since the broker began; of the running callback
	entered time.Duration // when the running callback began, by the machine's clock
	tick    uint32        // now in ticks
	culled  uint32        // tick of the last look for silent connections
	pool    fanout.Pool
	router  *fanout.Router
	count   counters

	inbox fanout.Inbox
	guest atomic.Bool // an embedder has subscribed here, once: his functions may take long, and no other loop is to wait
	spare []fanout.Item
	out   [][]fanout.Item // what other loops are told at the end of the pass
	light []*loop         // of those, whom to help with it: waking one would cost more

	conns     []*[connChunk]connSlot // in chunks, so that growth copies nothing
	connCount uint32
	freeConns []uint32
	table     [][]*sess // sessions owned, by slot in chunks
	pending   map[uint32]*pending
	fetched   map[uint64]*fanout.Message         // while the state of the process before is taken up: what is made already
	sinks     map[uint32]func(m *fanout.Message) // embedders' subscriptions, by slot
	wheel     *wheel.Wheel
	fence     fence
	estates   []*estate // of sessions that are over
	unwritten []uint32  // slots of sessions that came back, of which the loss of the connection is not in the store
	hold      holder

	owed       int64   // bytes in the queues of all connections
	backlog    backlog // of all sessions
	elsewhere  backlog // of the other loops, as of the last look at it
	dirty      []*conn
	spareD     []*conn
	freeOut    [][]outItem
	stages     *codec.Scratch
	scratch    []byte
	vec        [][]byte
	seqBlock   []uint64
	pickBlock  []pick
	seqLists   [][]uint64
	ids        []uint32
	deliveries []store.Delivery
	alias      uint16 // assigned anew by the last frame; 0: none was
	topic      []byte
	value      []byte
	refs       []trie.RetainedRef
	replays    []replayed
	searched   int // retained messages looked at in this pass, about
	forms      fanout.Forms
	paid       prepaid
	in         decoded

	throttled bool          // another loop's inbox is above its mark
	leaving   bool          // the broker stops
	parting   bool          // it hands over to the next process
	frozen    bool          // its state is being recovered or handed over, or was: nothing may change it
	grace     time.Duration // until when no session ends for being one of too many
	slowed    []*conn       // their input waits for other loops
	lagging   []*conn       // their input waits for the store

	absent  absences
	longest atomic.Uint64 // of them: 1<<32 | the tick since which, for the others; 0: none is away
	looking sessionSweep

	sweepCursor uint64
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

// update sets the loop's clock; it begins each callback.
func (l *loop) update() {
	l.entered = time.Since(l.b.began)
	l.now = l.b.clock(l.entered)
	l.tick = uint32(l.now / tickLength)
}

// leave ends each callback: what it took is the loop's busy time, or is in that of the loop that helps. With update's
// this is the second look at the clock in a callback: 40 ns, not told from noise in the CPU time of perf's OneToOne.
func (l *loop) leave() {
	if !l.nl.Helped() {
		l.count.busy.add(uint64(time.Since(l.b.began) - l.entered))
	}
}

// wantPass makes sure that what was put into the batch is committed.
func (l *loop) wantPass() {
	if l.stores() && !l.hold.empty() {
		l.nl.Defer()
	}
}

// endPass carries a pass out in the one legal order: store, tell the other loops, write.
func (l *loop) endPass() {
	l.commit()
	left := maxLight
	for i := range l.out {
		if len(l.out[i]) == 0 {
			continue
		}
		to := l.b.loops[i]
		wake, waiting := to.inbox.Push(l.out[i])
		if n := weight(l.out[i]); wake && n <= left && !to.guest.Load() {
			left -= n
			l.light = append(l.light, to)
		} else if wake {
			to.nl.Wake()
		}
		if waiting > highWater {
			l.throttled = true
		}
		clear(l.out[i])
		l.out[i] = l.out[i][:0]
	}
	for _, to := range l.light { // when those are awake that have more to do
		if to.nl.Help() {
			l.count.helped.add(1)
		}
	}
	l.light = l.light[:0]
	dirty := l.dirty
	l.dirty = l.spareD[:0]
	for _, c := range dirty {
		l.flush(c)
	}
	clear(dirty)
	l.spareD = dirty[:0]
	l.searched = 0
	l.pool.Settle()
	l.count.messages.set(uint64(l.pool.Live()))
	l.count.frames.set(uint64(l.pool.Framed()))
	l.count.owed.set(uint64(l.owed))
	l.count.flying.set(uint64(len(l.hold.flying)))
	l.count.queued.set(uint64(l.backlog.messages))
	l.count.queuedBytes.set(uint64(l.backlog.bytes))
	l.count.offline.set(uint64(l.absent.n))
	l.count.settle()
}

// weight is another loop's part in deliveries. Anything but messages is heavy.
func weight(items []fanout.Item) (n int) {
	if len(items) > maxLight {
		return maxLight + 1
	}
	for i := range items {
		if k := items[i].Kind; k != 0 && k != itemShared {
			return maxLight + 1
		}
		n += max(len(items[i].Targets), 1)
	}
	return n
}

// maxLight is how many deliveries a pass may make for other loops. At 20,000 messages a second for 50 pairs, a delivery
// cost 24.7 µs with 1, 17.0 with 3 and 13.6 with 8; a few more would take from a fan-out what two loops do at the same
// time.
const maxLight = 8

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
	at := &l.table[i][slot%tableChunk]
	if old := *at; old != nil {
		l.backlog.less(old)
		l.absent.count(old, -1)
	}
	if *at = s; s != nil {
		l.backlog.more(s)
		l.absent.count(s, 1)
	}
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
