package loop

import (
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"github.com/panjf2000/gnet/v2"

	"github.com/penstock-mqtt/penstock/codec"
)

// Handler is the owner of a connection. Its methods run on the connection's loop.
type Handler interface {
	// Open says that the connection is there, the handshakes of its layers done.
	Open(c *Conn)
	// Data hands over what one read brought; b is valid until it returns.
	Data(c *Conn, b []byte)
	// Closed comes once: after Open, or with a nil c when there was no connecting. err is nil when this side ended it
	// and io.EOF when the peer did.
	Closed(c *Conn, err error)
}

// Hooks are called on each loop. Any of them may be nil.
type Hooks struct {
	Round func(l *Loop) // at the end of each round in which somebody asked for a pass, before the writes
	Tick  func(l *Loop) // every 100 ms
	Alarm func(l *Loop) // at the time last given to SetAlarm
}

// Config is what a group is made of.
type Config struct {
	Loops   int            // event loops, each about one thread; 0: one
	Addr    netip.AddrPort // where Dial goes
	Unix    string         // a socket's path, in place of Addr
	Layers  *Layers        // nil: MQTT is on the socket itself
	Sources int            // how many addresses of 127.0.0.0/8 the connections come from; 0 or 1: whatever the system takes
	Dialers int            // connection attempts at a time; 0: 32
	Hooks   Hooks
}

const (
	tickEvery  = 100 * time.Millisecond
	readBuffer = 256 << 10 // a loop
)

// Group is a set of running loops.
type Group struct {
	cfg    Config
	turns  *codec.Handshakes // nil without TLS
	loops  []*Loop
	notify *notifier
	dialer dialer
	pacer  *pacer
	epoch  time.Time

	quit    chan struct{}
	running sync.WaitGroup // the group's own goroutines
	stop    sync.Once
}

// Start starts the loops. They run until Stop.
//
// It raises GOMAXPROCS to one more than the loops: a loop that waits for its sockets keeps its processor until the runtime
// takes it away, up to 10 ms later, and with none left the dialers stand still for as long.
func Start(cfg Config) (g *Group, err error) {
	cfg.Loops, cfg.Dialers = max(cfg.Loops, 1), max(cfg.Dialers, 0)
	if cfg.Dialers == 0 {
		cfg.Dialers = 32
	}
	procs := cfg.Loops + 1
	g = &Group{cfg: cfg, epoch: time.Now(), quit: make(chan struct{})}
	if cfg.Layers != nil && cfg.Layers.TLS != nil {
		g.turns = newTurns()
		procs++ // for the handshakes
	}
	if runtime.GOMAXPROCS(0) < procs {
		runtime.GOMAXPROCS(procs)
	}
	if g.notify, err = newNotifier(g); err != nil {
		return nil, fmt.Errorf("notifier: %w", err)
	}
	g.pacer = newPacer(g)
	for i := range cfg.Loops {
		l := newLoop(g, i)
		if err := l.start(); err != nil {
			g.Stop()
			return nil, fmt.Errorf("event loop %d: %w", i, err)
		}
		g.loops = append(g.loops, l)
	}
	g.dialer.start(g)
	g.run(g.notify.run)
	g.run(g.tick)
	return g, nil
}

// Loops returns the loops; the slice belongs to the group.
func (g *Group) Loops() []*Loop { return g.loops }

// run starts a goroutine that ends when quit is closed.
func (g *Group) run(f func()) {
	g.running.Add(1)
	go func() {
		defer g.running.Done()
		f()
	}()
}

func (g *Group) tick() {
	t := time.NewTicker(tickEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			for _, l := range g.loops {
				l.ask(askTick)
			}
		case <-g.quit:
			return
		}
	}
}

// Stop closes every connection and ends the loops. What feeds a loop ends before it: gnet's wake after the end would
// write to whoever got the descriptor's number.
func (g *Group) Stop() {
	g.stop.Do(func() {
		close(g.quit)
		g.pacer.wake()
		g.dialer.stop()
		g.notify.close()
		g.running.Wait()
		for _, l := range g.loops {
			l.finish()
		}
	})
}

// events is what gnet calls. The context of a gnet connection is its *Conn.
type events struct{ l *Loop }

func (events) OnBoot(gnet.Engine) gnet.Action       { return gnet.None }
func (events) OnShutdown(gnet.Engine)               {}
func (events) OnTick() (time.Duration, gnet.Action) { return time.Hour, gnet.None }
func (events) OnOpen(gc gnet.Conn) ([]byte, gnet.Action) {
	if c, ok := gc.Context().(*Conn); ok {
		c.opened(gc)
	}
	return nil, gnet.None
}

func (events) OnTraffic(gc gnet.Conn) gnet.Action {
	// All of it, always: what stays is copied to gnet's ring, and each read allocates from then on.
	b, _ := gc.Next(-1)
	if c, ok := gc.Context().(*Conn); ok && c.state == open {
		if c.layers != nil {
			c.layers.feed(b)
		} else {
			c.h.Data(c, b)
		}
		c.loop.reap()
	}
	return gnet.None
}

func (events) OnClose(gc gnet.Conn, err error) gnet.Action {
	if c, ok := gc.Context().(*Conn); ok {
		c.ended(err)
	}
	return gnet.None
}
