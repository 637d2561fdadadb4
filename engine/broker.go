package engine

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-mqtt/penstock/codec"
	"github.com/penstock-mqtt/penstock/engine/auth"
	"github.com/penstock-mqtt/penstock/engine/internal/netloop"
	"github.com/penstock-mqtt/penstock/engine/internal/offload"
	"github.com/penstock-mqtt/penstock/engine/internal/wheel"
	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/fanout"
	"github.com/penstock-mqtt/penstock/trie"
)

// Broker is one MQTT broker. Several in one process share nothing.
type Broker struct {
	cfg   Config
	parts Parts
	log   *slog.Logger
	began time.Time

	index     *trie.Index
	groups    *fanout.Groups
	slots     *fanout.Slots
	retained  *trie.Retained
	directory *directory
	offload   *offload.Pool
	net       *netloop.Engine
	loops     []*loop
	listeners []*listener

	handshakes *codec.Handshakes
	sources    *sources
	doubtful   doubtful
	noticed    [notices]noticed
	full       fullness
	ending     atomic.Bool // a loop ends sessions of which there are too many: one at a time
	openings   sync.Pool
	watching   sync.WaitGroup
	reloading  sync.Mutex // of TLS material

	live          atomic.Pointer[Live]
	strategy      atomic.Value // fanout.Strategy
	subscriptions atomic.Int64
	ids           atomic.Uint64 // last name of a session or message given
	next          atomic.Uint32
	ready         atomic.Bool // the loops may look at what Start has set
	started       atomic.Bool // Start has succeeded: what it has set may be looked at from anywhere
	draining      atomic.Bool // Stop was called
	steady        steady
	opened        bool         // the store was
	retaining     sync.Mutex   // held while a batch with retained messages is handed to the store
	unsettled     atomic.Int64 // such batches that are not committed

	ctx    context.Context // ends when the broker has
	cancel context.CancelFunc
	life   sync.Mutex // Start, Reload and Stop come one after the other
	phase  phase
	sys    *sysTopics

	released bool // HandOver has closed the store
}

// phase is where a broker is in its life, which it lives once.
type phase uint8

const (
	made phase = iota
	prepared
	serving
	parted // handed over to the next process
	over
)

// ListenerAddr is where a listener listens.
type ListenerAddr struct {
	Name string
	URL  string // with the port that was chosen
}

// New makes a broker; Start begins to serve.
func New(cfg Config, parts Parts) (*Broker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	b := &Broker{cfg: cfg, parts: parts, log: parts.Logger, began: time.Now()}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	b.openStore()
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.index, b.groups, b.slots, b.retained = trie.NewIndex(), fanout.NewGroups(), fanout.NewSlots(), trie.NewRetained()
	b.directory, b.sources = newDirectory(b.slots), newSources()
	b.handshakes = codec.NewHandshakes(codec.HandshakeLimits{
		Computing: cfg.TLS.HandshakeCores, Active: cfg.TLS.MaxHandshakes, Waiting: waitingHandshakes,
	})
	b.offload = offload.New(offloadWorkers, offloadQueue)
	b.sys = &sysTopics{b: b, sent: map[string]string{}, at: b.began}
	if err := b.setLive(cfg.Live()); err != nil {
		return nil, err
	}
	return b, nil
}

const (
	offloadWorkers = 64
	offloadQueue   = 16384

	waitingHandshakes = 65536 // listeners bound the connections that may be there without a CONNECT
)

func (b *Broker) setLive(live Live) error {
	strategy, err := fanout.ParseStrategy(string(live.Session.SharedSubscriptionStrategy))
	if err != nil {
		return err
	}
	b.strategy.Store(strategy)
	b.live.Store(&live)
	for _, lst := range b.listeners {
		lst.setRules(&live)
	}
	return nil
}

// ErrStarted is the answer to a second Start.
var ErrStarted = errors.New("engine: the broker was started already")

func (b *Broker) loopCount() int {
	if b.cfg.Loops > 0 {
		return b.cfg.Loops
	}
	return runtime.NumCPU()
}

func (b *Broker) newLoop(nl *netloop.Loop) *loop {
	n := len(b.net.Loops())
	l := &loop{
		b: b, id: uint32(nl.Index()), nl: nl, log: b.log, live: b.live.Load(),
		router:  fanout.NewRouter(b.index, b.groups, b.slots, n),
		out:     make([][]fanout.Item, n),
		pending: map[uint32]*pending{},
		sinks:   map[uint32]func(*fanout.Message){},
		wheel:   wheel.New(0),
		scratch: make([]byte, 0, scratchSize),
		stages:  codec.NewScratch(),
	}
	l.hold = holder{store: b.parts.Store, batch: &store.Batch{}, seq: 1}
	return l
}

// authenticator is who decides on a listener.
func (b *Broker) authenticator(live *Live, lst *listener) auth.Authenticator {
	if b.parts.Authenticator != nil {
		return b.parts.Authenticator
	}
	switch live.Anonymous(lst.index) {
	case AnonymousAlways:
		return auth.Always
	case AnonymousNever:
		return auth.Never
	}
	return auth.Anonymous
}

// Addrs lists where the broker listens, in the order of the configuration.
func (b *Broker) Addrs() []ListenerAddr {
	var out []ListenerAddr
	for _, l := range b.listeners {
		out = append(out, ListenerAddr{Name: l.name, URL: l.url})
	}
	return out
}

// Reload puts the part of cfg that may change into force, or changes nothing and says why.
func (b *Broker) Reload(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	if err := b.cfg.Reloadable(&cfg); err != nil {
		return err
	}
	b.life.Lock()
	defer b.life.Unlock()
	if b.phase > serving {
		return ErrStopped
	}
	live := cfg.Live()
	if err := b.reloadMaterial(&live); err != nil {
		return err
	}
	if err := b.setLive(live); err != nil {
		return err
	}
	for _, l := range b.loops {
		l.post((*loop).renew)
	}
	b.sys.restart()
	return nil
}

// now is the broker's monotonic time.
func (b *Broker) now() time.Duration { return b.clock(time.Since(b.began)) }

// clock is the broker's monotonic time, so long after it began. It begins above zero, so that zero can mean never.
func (b *Broker) clock(passed time.Duration) time.Duration {
	if now := b.parts.Clock; now != nil {
		return now() + time.Second
	}
	return passed + time.Second
}
