package netloop

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Errors a connection can end with, beside io.EOF and what the socket said.
var (
	// ErrStopped is what Closed and Enroll are given when the engine stops.
	ErrStopped = errors.New("netloop: engine stopped")
	// ErrPanicked is what Closed is given when a panic of the handler ended the connection.
	ErrPanicked = errors.New("netloop: handler panicked")
)

// Handler is what runs on the loops. A panic in one of its methods is recovered, handed to Panicked and closes the
// connection it was about; a panic in Panicked itself is not recovered: that is how a handler ends the process.
type Handler interface {
	// Open announces an enrolled connection, before any of its Data.
	Open(c *Conn)
	// Data hands over everything one read brought; b is valid until Data returns.
	Data(c *Conn, b []byte)
	// Closed comes exactly once for each opened connection, also if Open panicked. err is nil after Close and Finish, io.EOF when the peer ended
	// it, ErrStopped, ErrPanicked, or the socket's error. Write answers net.ErrClosed from here on.
	Closed(c *Conn, err error)
	// Writable answers WaitWritable. It may come without need: a Write then says 0 bytes and one waits again.
	Writable(c *Conn)
	// Wake follows calls of Loop.Wake, however many there were since the last.
	Wake(l *Loop)
	// Flush follows Loop.Defer, once, after the events of the round.
	Flush(l *Loop)
	// Tick comes about each Config.Tick; now counts from the engine's start and only forward.
	Tick(l *Loop, now time.Duration)
	// Panicked reports a recovered panic; c is nil when it did not concern a single connection.
	Panicked(c *Conn, v any, stack []byte)
}

// Config is what an engine is made of; the zero value works.
type Config struct {
	Loops      int           // event loops; 0: one per processor
	Tick       time.Duration // distance of ticks; 0: 100 ms
	ReadBuffer int           // bytes of a loop's read buffer, rounded up to a power of two; 0: 64 KB
	Logger     *slog.Logger  // nil: slog.Default()
}

// Engine is a set of running loops and the acceptors that feed them.
type Engine struct {
	h     Handler
	log   *slog.Logger
	loops []*Loop
	start time.Time
	next  atomic.Uint32 // Enroll takes turns
	out   *notifier

	mu        sync.RWMutex // guards stopped and acceptors; Enroll holds it for reading until the loop knows
	stopped   bool
	acceptors map[*Acceptor]struct{}
	locals    localAddrs

	ending  sync.WaitGroup // goroutines of the engine itself
	quit    chan struct{}
	ended   chan struct{}
	onceEnd sync.Once
}

// withDefaults fills in what was left open.
func (cfg Config) withDefaults() Config {
	if cfg.Loops <= 0 {
		cfg.Loops = runtime.GOMAXPROCS(0)
	}
	if cfg.Tick <= 0 {
		cfg.Tick = 100 * time.Millisecond
	}
	if cfg.ReadBuffer <= 0 {
		cfg.ReadBuffer = 64 << 10
	}
	cfg.Logger = cmp.Or(cfg.Logger, slog.Default())
	return cfg
}

// Start starts the loops. They serve until Stop. An error says what the system or gnet refused.
func Start(cfg Config, h Handler) (e *Engine, err error) {
	cfg = cfg.withDefaults()
	e = &Engine{
		h:         h,
		log:       cfg.Logger,
		start:     time.Now(),
		acceptors: make(map[*Acceptor]struct{}),
		quit:      make(chan struct{}),
		ended:     make(chan struct{}),
	}
	if e.out, err = newNotifier(e); err != nil {
		return nil, fmt.Errorf("netloop: notifier: %w", err)
	}
	if err := e.boot(cfg); err != nil {
		_ = e.stopClients()
		e.closeAux()
		e.out.close()
		return nil, err
	}
	e.run("notifier", e.out.run)
	e.run("ticker", func() { e.tick(cfg.Tick) })
	return e, nil
}

// Loops returns the loops; the slice belongs to the engine.
func (e *Engine) Loops() []*Loop { return e.loops }

// leastBusy picks the loop with the fewest connections, and among equally busy ones at, or else the first behind it.
func (e *Engine) leastBusy(at *Loop) *Loop {
	best := at
	for i := range e.loops {
		if l := e.loops[(at.index+1+i)%len(e.loops)]; l.Conns() < best.Conns() {
			best = l
		}
	}
	return best
}
