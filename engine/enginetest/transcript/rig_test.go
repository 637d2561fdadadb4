package transcript

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// patience is how long anything may take that has to come.
const patience = 20 * time.Second

// rig is the broker of a scenario and what steers it.
type rig struct {
	s     *scenario
	cfg   engine.Config
	parts engine.Parts
	b     *engine.Broker
	mem   *store.Memory
	gate  *gate
	desk  *desk
	acl   *acl
	now   atomic.Int64 // the broker's clock

	ids    map[string]bool // client identifiers that were ever used
	failed bool            // the store

	addrs []string
	pool  int
	spare [][]net.Conn // open sockets by the loop that has them

	mu     sync.Mutex
	change *sync.Cond
	online map[netip.AddrPort]int // loop of each accepted connection, by the client's address
}

// newRig starts a broker. What CONNACK would announce is unlimited unless the scenario says otherwise.
func newRig(s *scenario, a args) *rig {
	r := &rig{s: s, cfg: engine.DefaultConfig(), pool: 16, acl: &acl{}, ids: map[string]bool{}}
	r.change = sync.NewCond(&r.mu)
	r.cfg.Listeners = []engine.Listener{{Kind: engine.KindTCP, Address: "127.0.0.1:0"}}
	r.cfg.Loops = 2
	r.cfg.Sys.Interval = 0
	r.cfg.Limits.ConnectTimeout = 10000 * time.Hour
	r.cfg.Limits.ReceiveMaximum = 65535
	r.cfg.Limits.MaximumPacketSize = 0
	r.cfg.Limits.TopicAliasMaximum = 0
	if _, chosen := a.get("store"); s.variant.stored && !chosen {
		r.option("store", "memory")
	}
	for _, p := range a.pairs {
		r.option(p[0], p[1])
	}
	r.parts.Clock = func() time.Duration { return time.Duration(r.now.Load()) }
	r.parts.Authorizer = r.acl
	r.parts.Hooks = &engine.Hooks{Connected: r.connected, Disconnected: r.disconnected}
	r.start()
	return r
}

func (r *rig) option(key, value string) {
	switch key {
	case "loops":
		r.cfg.Loops = args{s: r.s}.atoi(value)
	case "pool":
		r.pool = args{s: r.s}.atoi(value)
	case "store":
		switch value {
		case "memory":
			r.mem = store.NewMemory()
		case "delayed":
			r.mem = store.NewDelayedMemory()
		case "given":
			r.mem = r.s.mem
		}
	case "auth":
		r.desk = newDesk(r.s, value)
		r.parts.Authenticator = r.desk.authenticator()
	default:
		if err := r.cfg.Set(key, value); err != nil {
			r.s.fatalf("%v", err)
		}
	}
}

// start makes a broker on the store as it is, with a clock at zero, and opens the sockets that clients will use. Nobody
// leaves while these are opened, so that each loop gets every nth of them; connected sees to it that it was so.
func (r *rig) start() {
	r.now.Store(0)
	r.online = map[netip.AddrPort]int{}
	r.parts.Store = nil
	if r.mem != nil {
		r.gate = &gate{Memory: r.mem}
		r.parts.Store = r.gate
	}
	b, err := engine.New(r.cfg, r.parts)
	if err == nil {
		err = b.Start()
	}
	if err != nil {
		r.s.fatalf("start: %v", err)
	}
	r.b, r.addrs = b, nil
	if r.mem != nil {
		r.barrier()
		r.mem.Step(r.mem.Waiting()) // what a broker notes at its start
	}
	for _, l := range b.Addrs() {
		r.addrs = append(r.addrs, strings.TrimPrefix(l.URL, "tcp://"))
	}
	r.spare = make([][]net.Conn, r.cfg.Loops)
	if r.cfg.Loops > 1 {
		for i := range r.pool * r.cfg.Loops {
			loop := i % r.cfg.Loops
			r.spare[loop] = append(r.spare[loop], r.dial(0))
		}
	}
}

func (r *rig) dial(listener int) net.Conn {
	nc, err := net.DialTimeout("tcp", r.addrs[listener], patience)
	if err != nil {
		r.s.fatalf("dial: %v", err)
	}
	return nc
}

// socket gives a connection that belongs to a loop.
func (r *rig) socket(loop, listener int) net.Conn {
	if len(r.spare) == 1 || listener > 0 {
		return r.dial(listener)
	}
	list := r.spare[loop]
	if len(list) == 0 {
		r.s.fatalf("no socket left on loop %d: give the broker a larger pool=", loop)
	}
	r.spare[loop] = list[1:]
	return list[0]
}

func (r *rig) connected(c engine.ClientInfo) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.online[c.Remote] = c.Loop
	r.change.Broadcast()
}

func (r *rig) disconnected(c engine.ClientInfo, _ mqtt.Reason) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.online, c.Remote)
	r.change.Broadcast()
}

// loopOf tells which loop has an accepted connection.
func (r *rig) loopOf(a netip.AddrPort) (loop int, online bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	loop, online = r.online[a]
	return loop, online
}

// awaitGone waits until the broker has noticed that a connection is gone.
func (r *rig) awaitGone(a netip.AddrPort) {
	timer := time.AfterFunc(patience, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.change.Broadcast()
	})
	defer timer.Stop()
	until := time.Now().Add(patience)
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		if _, online := r.online[a]; !online {
			return
		}
		if time.Now().After(until) {
			r.s.fatalf("the broker did not notice within %v that a connection ended", patience)
		}
		r.change.Wait()
	}
}

// hops is how often each loop is called in a barrier: a session that moves from loop to loop takes some six steps, and
// what a loop is told in one call it passes on before the one after the next.
const hops = 16

// barrier returns when every loop has done what the others told it.
func (r *rig) barrier() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for range hops {
		if _, err := r.b.Inventory(ctx); err != nil { // it is called on each loop
			r.s.fatalf("barrier: %v", err)
		}
	}
}

// stop ends the broker. Sockets that nobody uses are closed first, so that it need not wait for them.
func (r *rig) stop() {
	if r.b == nil {
		return
	}
	r.closeSpare()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.b.Stop(ctx); err != nil && !errors.Is(err, store.ErrClosed) {
		r.s.t.Errorf("%s: stop: %v", r.s.at, err)
	}
	r.b = nil
}

func (r *rig) closeSpare() {
	for _, list := range r.spare {
		for _, nc := range list {
			nc.Close()
		}
	}
	r.spare = nil
}
