package engine

import (
	"sync"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// absent is a store that commits at once, but for one batch about which it is silent until told.
type absent struct {
	store.Store
	mu   sync.Mutex
	next bool
	owed func(error)
}

func (a *absent) Append(b *store.Batch, done func(error)) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.next {
		a.next, a.owed = false, done
		return false
	}
	return true
}

func (a *absent) silence() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.next = true
}

func (a *absent) silent() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.owed != nil
}

func TestACommitAtOnceWaitsForTheNewsOfThoseBefore(t *testing.T) {
	mem := store.NewMemory()
	s := &absent{Store: mem}
	cfg := settings()
	cfg.Loops = 1
	b, addr := serve(t, cfg, Parts{Store: s})
	c, _ := meet(t, addr, "c", expiry(100))
	s.silence()
	suback := make(chan error)
	go func() {
		_, err := c.Subscribe(soon(t), []client.Filter{{Filter: "t"}}, func(*client.Message) {})
		suback <- err
	}()
	until(t, "the batch that is waited for", s.silent)
	meet(t, addr, "other", expiry(100))
	if n := inventory(t, b).Uncommitted; n < 2 {
		t.Errorf("batches without news: got %d, want 2", n)
	}
	s.owed(nil)
	if err := <-suback; err != nil {
		t.Error(err)
	}
	until(t, "the last of the news", func() bool { return inventory(t, b).Uncommitted == 0 })
}
