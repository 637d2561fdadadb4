package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// fleet is clients that connect again and again, whatever happens to the broker.
type fleet struct {
	t       *testing.T
	ctx     context.Context
	end     context.CancelFunc
	addr    string
	wg      sync.WaitGroup
	refused atomic.Int64 // connections that were refused or reset
	late    atomic.Int64 // those that ended before their CONNACK
	lost    atomic.Int64 // sessions
}

func newFleet(t *testing.T, addr string) *fleet {
	f := &fleet{t: t, addr: addr}
	f.ctx, f.end = context.WithCancel(context.Background())
	t.Cleanup(func() { f.end(); f.wg.Wait() })
	return f
}

// keep connects a client with its session, begun before or not, and has it do something on each connection until that
// ends.
func (f *fleet) keep(id string, session *client.Session, begun bool, handler client.Handler, do func(c *client.Client)) {
	f.wg.Go(func() {
		for f.ctx.Err() == nil {
			o := client.Options{Addr: f.addr, ClientID: id, Session: session, Handler: handler, Inflight: 32}
			expiry(1000)(&o)
			ctx, cancel := context.WithTimeout(f.ctx, 30*time.Second)
			c, ack, err := client.Dial(ctx, o)
			cancel()
			if err != nil {
				f.failed(err)
				continue
			}
			if !ack.SessionPresent && begun {
				f.lost.Add(1)
			}
			begun = true
			stop := context.AfterFunc(f.ctx, func() { _ = c.Close() })
			do(c)
			<-c.Done()
			stop()
		}
	})
}

func (f *fleet) failed(err error) {
	switch {
	case f.ctx.Err() != nil:
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		f.refused.Add(1)
		f.t.Logf("connect: %v", err)
	default:
		if f.late.Add(1) < 10 {
			f.t.Logf("connect: %v", err)
		}
	}
}

// ledger is what publishers were promised and a subscriber has got.
type ledger struct {
	mu      sync.Mutex
	acked   map[string]map[int]bool // by topic
	errors  []error
	started map[string]int
}

func (l *ledger) promise(topic string, n int, r client.Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.Err != nil {
		l.errors = append(l.errors, fmt.Errorf("%s %d: %w", topic, n, r.Err))
		return
	}
	if l.acked[topic] == nil {
		l.acked[topic] = map[int]bool{}
	}
	l.acked[topic][n] = true
}

func (l *ledger) promised() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.acked {
		n += len(m)
	}
	return n
}

// receipts are the messages that one subscriber got, by topic in their order.
type receipts struct {
	mu  sync.Mutex
	got map[string][]int
	n   map[string]map[int]int
}

func newReceipts() *receipts { return &receipts{got: map[string][]int{}, n: map[string]map[int]int{}} }

func (r *receipts) take(m *client.Message) {
	n, _ := strconv.Atoi(string(m.Payload))
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n[m.Topic] == nil {
		r.n[m.Topic] = map[int]int{}
	}
	if r.n[m.Topic][n]++; r.n[m.Topic][n] == 1 {
		r.got[m.Topic] = append(r.got[m.Topic], n)
	}
}

func (r *receipts) has(l *ledger) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	for topic, acked := range l.acked {
		if len(r.got[topic]) < len(acked) {
			return false
		}
	}
	return true
}

// publish sends numbers to a topic until told to stop.
func (f *fleet) publish(l *ledger, topic string, qos byte, enough *atomic.Bool) {
	n := 0
	f.keep("pub "+topic, client.NewSession(), false, nil, func(c *client.Client) {
		for !enough.Load() {
			now := n
			err := c.PublishAsync(f.ctx, client.Message{Topic: topic, Payload: strconv.AppendInt(nil, int64(now), 10), QoS: qos}, func(r client.Result) {
				l.promise(topic, now, r)
			})
			if err != nil {
				return
			}
			n++
			l.mu.Lock()
			l.started[topic] = n
			l.mu.Unlock()
		}
	})
}

func TestNothingIsLostInAChainOfHandOversUnderLoad(t *testing.T) {
	t.Run("in memory", func(t *testing.T) { chain(t, Parts{}) })
	t.Run("with a store", func(t *testing.T) { chain(t, Parts{Store: store.NewMemory()}) })
}

func chain(t *testing.T, parts Parts) {
	t.Helper()
	cfg := settings()
	cfg.Session.MaxQueuedMessages = 1 << 20 // what a subscriber that lags is owed is not the matter here
	cfg.Session.MaxQueuedBytes = 1 << 30
	r := newRelay(t, cfg, parts)
	f := newFleet(t, r.addr)
	books := &ledger{acked: map[string]map[int]bool{}, started: map[string]int{}}
	seen := map[string]*receipts{}
	for _, id := range []string{"one", "two"} {
		seen[id] = newReceipts()
		c, _ := meet(t, r.addr, id, expiry(1000))
		if _, err := c.Subscribe(soon(t), []client.Filter{{Filter: "load/#", QoS: 2}}, func(*client.Message) {}); err != nil {
			t.Fatal(err)
		}
		if err := c.Disconnect(soon(t), 0); err != nil {
			t.Fatal(err)
		}
	}
	// Busy neighbours, as everywhere.
	for range runtime.NumCPU() {
		f.wg.Go(func() {
			for f.ctx.Err() == nil {
				for range 1 << 16 {
					_ = rand.Uint64()
				}
				runtime.Gosched()
			}
		})
	}
	for id, got := range seen {
		f.keep(id, client.AdoptSession(), true, got.take, func(*client.Client) {})
	}
	var enough atomic.Bool
	for i := range 2 {
		for qos := byte(1); qos <= 2; qos++ {
			f.publish(books, fmt.Sprintf("load/%d/%d", qos, i), qos, &enough)
		}
	}
	var fresh atomic.Int64
	for i := range 2 { // clients that come and go
		f.wg.Go(func() {
			for n := 0; f.ctx.Err() == nil && !enough.Load(); n++ {
				ctx, cancel := context.WithTimeout(f.ctx, 30*time.Second)
				c, _, err := client.Dial(ctx, client.Options{Addr: f.addr, ClientID: fmt.Sprint("new", i, n%10), CleanStart: true})
				cancel()
				if err != nil {
					f.failed(err)
					continue
				}
				fresh.Add(1)
				_ = c.Disconnect(f.ctx, 0)
			}
		})
	}
	longest := time.Duration(0)
	for range 8 {
		before, new := books.promised(), fresh.Load()
		until(t, "some load", func() bool { return books.promised() >= before+400 && fresh.Load() >= new+5 })
		began := time.Now()
		r.pass()
		longest = max(longest, time.Since(began))
	}
	enough.Store(true)
	until(t, "all acknowledgements", func() bool {
		books.mu.Lock()
		defer books.mu.Unlock()
		for topic, n := range books.started {
			if len(books.acked[topic]) < n {
				return false
			}
		}
		return true
	})
	for id, got := range seen {
		until(t, "all messages of "+id, func() bool { return got.has(books) })
	}
	f.end()
	f.wg.Wait()
	t.Logf("%d acknowledged, %d more connected, longest hand-over %v, %d connections ended early", books.promised(), fresh.Load(), longest, f.late.Load())
	if f.refused.Load() != 0 || f.lost.Load() != 0 || len(books.errors) > 0 {
		t.Errorf("refused connections %d, lost sessions %d, failed publishes %v", f.refused.Load(), f.lost.Load(), books.errors)
	}
	for id, got := range seen {
		got.check(t, id, books)
	}
	if r.mem != nil {
		audit(t, r.Broker, r.mem)
	}
}

// check holds what came against what was promised: all of it, at QoS 2 once, in order.
func (r *receipts) check(t *testing.T, id string, l *ledger) {
	t.Helper()
	for topic, acked := range l.acked {
		missing, twice, disorder := 0, 0, 0
		for n := range acked {
			if r.n[topic][n] == 0 {
				missing++
			}
		}
		last := -1
		for _, n := range r.got[topic] {
			if n <= last {
				disorder++
			}
			last = n
			if r.n[topic][n] > 1 && topic[len("load/")] == '2' {
				twice++
			}
		}
		if missing+twice+disorder > 0 {
			t.Errorf("%s, %s: of %d acknowledged %d are missing, %d came twice at QoS 2, %d out of order", id, topic, len(acked), missing, twice, disorder)
		}
	}
}
