package loop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"github.com/penstock-mqtt/penstock/codec"
)

// Loop is one event loop. Value is the owner's own.
type Loop struct {
	Value any

	g      *Group
	index  int
	client *gnet.Client
	el     gnet.EventLoop
	epfd   int // gnet's epoll set
	alarm  atomic.Int64

	// inbox is what other goroutines, and passes, want of the loop.
	inbox struct {
		sync.Mutex
		posted    []func()
		asked     uint32
		ready     []int32 // descriptors that have room again
		scheduled bool    // a pass is on its way
		dead      bool    // none will come any more
	}
	_ [64]byte

	// From here on the loop's goroutine only.
	passing bool // a pass was asked for by the loop itself and has not begun
	conns   map[int32]*Conn
	dirty   []*Conn
	closing []*Conn
	posted  []func()
	ready   []int32
	scratch *codec.Scratch // nil without layers
}

// What may be asked of a loop, beside what is posted.
const (
	askTick uint32 = 1 << iota
	askAlarm
)

func newLoop(g *Group, index int) *Loop {
	l := &Loop{g: g, index: index, epfd: -1, conns: make(map[int32]*Conn)}
	if g.cfg.Layers != nil {
		l.scratch = codec.NewScratch()
	}
	return l
}

// Index returns the loop's place in Group.Loops.
func (l *Loop) Index() int { return l.index }

// start starts gnet's loop: a client of its own for each, because a client picks the loop of a connection itself.
func (l *Loop) start() (err error) {
	l.client, err = gnet.NewClient(events{l},
		gnet.WithNumEventLoop(1),
		gnet.WithReadBufferCap(readBuffer),
		gnet.WithTCPNoDelay(gnet.TCPDelay), // Go has set it already
		gnet.WithLogger(silent{}),
	)
	if err != nil {
		return err
	}
	if err := l.client.Start(); err != nil {
		return err
	}
	if err := l.attach(); err != nil {
		return errors.Join(err, l.client.Stop())
	}
	return nil
}

// attach finds gnet's loop, which only a connection knows, and its epoll set, which nobody is told: pausing needs it.
func (l *Loop) attach() (err error) {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socketpair", err)
	}
	defer unix.Close(p[1])
	f := os.NewFile(uintptr(p[0]), "probe")
	nc, err := net.FileConn(f)
	_ = f.Close()
	if err != nil {
		return err
	}
	gc, err := l.client.EnrollContext(nc, nil)
	if err != nil {
		return err
	}
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("gnet's fields have changed: %v", v)
		}
	}()
	l.el = gc.EventLoop()
	l.epfd = int(reflect.ValueOf(l.el).Elem().FieldByName("poller").Elem().FieldByName("fd").Int())
	return nil
}

// Post has f run on the loop, in the order of the calls. Any goroutine; false when the loop has ended, and f will not run.
// On the loop itself f runs in the pass that follows: something that posts itself forever keeps the loop from its sockets.
func (l *Loop) Post(f func()) bool {
	l.inbox.Lock()
	defer l.inbox.Unlock()
	if l.inbox.dead {
		return false
	}
	l.inbox.posted = append(l.inbox.posted, f)
	l.schedule()
	return true
}

func (l *Loop) ask(bit uint32) {
	l.inbox.Lock()
	defer l.inbox.Unlock()
	if l.inbox.dead {
		return
	}
	l.inbox.asked |= bit
	l.schedule()
}

// schedule sends a pass unless one is on its way. The inbox is locked.
func (l *Loop) schedule() {
	if !l.inbox.scheduled {
		l.inbox.scheduled = true
		_ = l.el.Execute(background, (*pass)(l))
	}
}

// Pass asks for Hooks.Round at the end of this round. On the loop.
func (l *Loop) Pass() {
	if l.passing {
		return
	}
	l.passing = true
	l.inbox.Lock()
	l.schedule()
	l.inbox.Unlock()
}

// SetAlarm has Hooks.Alarm run at that time since the group's start, precise to some tens of microseconds; 0: never. A later call takes the
// place of an earlier one. On the loop.
func (l *Loop) SetAlarm(at time.Duration) {
	l.alarm.Store(int64(at))
	if at != 0 {
		l.g.pacer.wake()
	}
}

// Now is the group's clock, from its start.
func (g *Group) Now() time.Duration { return time.Since(g.epoch) }

var background = context.Background()

// pass is a loop as gnet's Runnable: it runs behind the events of a round.
type pass Loop

// Run implements gnet.Runnable.
func (p *pass) Run(context.Context) error {
	l := (*Loop)(p)
	l.passing = false
	l.inbox.Lock()
	l.inbox.scheduled = false
	asked := l.inbox.asked
	l.inbox.asked = 0
	l.posted, l.inbox.posted = l.inbox.posted, l.posted[:0]
	l.ready, l.inbox.ready = l.inbox.ready, l.ready[:0]
	l.inbox.Unlock()

	for i, f := range l.posted {
		f()
		l.posted[i] = nil
	}
	h := &l.g.cfg.Hooks
	if asked&askTick != 0 && h.Tick != nil {
		h.Tick(l)
	}
	if asked&askAlarm != 0 && h.Alarm != nil {
		h.Alarm(l)
	}
	for _, fd := range l.ready {
		if c := l.conns[fd]; c != nil && c.blocked {
			c.blocked = false
			c.write()
		}
	}
	if h.Round != nil {
		h.Round(l)
	}
	l.flush()
	l.reap()
	return nil
}

// flush writes what the round has left to write, one system call a connection.
func (l *Loop) flush() {
	for i := 0; i < len(l.dirty); i++ {
		c := l.dirty[i]
		c.dirty = false
		if !c.blocked {
			c.write()
		}
	}
	clear(l.dirty)
	l.dirty = l.dirty[:0]
}

// reap closes what was given to Close. Handlers run in it, so it is called at the end of each callback only.
func (l *Loop) reap() {
	for len(l.closing) > 0 {
		c := l.closing[len(l.closing)-1]
		l.closing = l.closing[:len(l.closing)-1]
		if c.gc != nil {
			if c.layers != nil {
				c.layers.farewell()
			}
			_ = l.el.Close(c.gc) // comes back as ended
		}
	}
}

// finish ends the loop. Nobody else asks anything of it any more.
func (l *Loop) finish() {
	done := make(chan struct{})
	if l.Post(func() {
		l.inbox.Lock()
		l.inbox.dead = true
		l.inbox.Unlock()
		close(done)
	}) {
		<-done
	}
	_ = l.client.Stop() // closes the connections, too
}

// silent is a logger that says nothing: what goes wrong with a connection comes to its handler.
type silent struct{}

func (silent) Debugf(string, ...any) {}
func (silent) Infof(string, ...any)  {}
func (silent) Warnf(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
func (silent) Fatalf(string, ...any) {}
