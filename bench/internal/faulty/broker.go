package faulty

import (
	"fmt"
	"net"
	"sync"
	"time"
)

// Broker is one of them, listening on a loopback port of its own.
type Broker struct {
	listener net.Listener
	stopped  chan struct{}
	running  sync.WaitGroup

	mu       sync.Mutex // guards all that follows, and the sessions and connections
	plans    []*plan
	conns    map[*conn]struct{}
	sessions map[string]*session
	order    []*session // the same, by age, so that who receives first is always the same
	retained map[string]*message
	turns    map[string]int // of shared subscriptions: who was last
	named    int            // client identifiers given
}

// Start begins to serve. Without rules it is right in all it does.
func Start(rules ...Rule) (*Broker, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	b := &Broker{
		listener: listener,
		stopped:  make(chan struct{}),
		conns:    make(map[*conn]struct{}),
		sessions: make(map[string]*session),
		retained: make(map[string]*message),
		turns:    make(map[string]int),
	}
	b.retained["$SYS/broker/version"] = newMessage([]byte("$SYS/broker/version"), []byte("faulty"), 0, true)
	for _, r := range rules {
		b.plans = append(b.plans, newPlan(r))
	}
	b.running.Go(b.accept)
	return b, nil
}

// Addr is host:port of the listener.
func (b *Broker) Addr() string { return b.listener.Addr().String() }

// Close ends everything and returns when it has ended.
func (b *Broker) Close() {
	close(b.stopped)
	b.listener.Close()
	b.mu.Lock()
	for c := range b.conns {
		c.socket.Close()
	}
	b.mu.Unlock()
	b.running.Wait()
}

// Connected is how many clients are connected.
func (b *Broker) Connected() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.conns)
}

func (b *Broker) accept() {
	for {
		socket, err := b.listener.Accept()
		if err != nil {
			return
		}
		c := &conn{broker: b, socket: socket, wake: make(chan struct{}, 1), gone: make(chan struct{})}
		b.mu.Lock()
		select {
		case <-b.stopped:
			b.mu.Unlock()
			socket.Close()
			return
		default:
		}
		b.conns[c] = struct{}{}
		b.mu.Unlock()
		b.running.Go(c.read)
		b.running.Go(c.write)
	}
}

// stall stands still with the lock held, which is all that happens here. The kernel goes on accepting and receiving.
func (b *Broker) stall(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-b.stopped:
	}
}
