package engine

import (
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// hiccup is a store whose first loads fail, as those of a disk that is away for a moment.
type hiccup struct {
	*store.Memory
	fails atomic.Int32
}

func (h *hiccup) Load(refs []store.Ref, done func([]store.Message, error)) {
	if h.fails.Add(-1) >= 0 {
		done(nil, syscall.EIO)
		return
	}
	h.Memory.Load(refs, done)
}

func TestAQueueThatCannotBeReadIsReadLater(t *testing.T) {
	before := newRelay(t, settings(), Parts{Store: store.NewMemory()})
	away := before.join("away")
	away.subscribe(0, 1, "t")
	before.sever(away)
	pub := before.join("pub", clean, fleeting)
	pub.publish("t", "a", 1, 1)
	pub.expect("puback #1")
	h := &hiccup{Memory: before.mem.Reopen()}
	h.fails.Store(1)
	r := newRelay(t, settings(), Parts{Store: h})
	r.join("away").expect("publish t=a q1 #2")
	if left := h.fails.Load(); left >= 0 {
		t.Errorf("loads that were to fail and did not: got %d", left+1)
	}
}
