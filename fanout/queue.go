package fanout

import "sync"

// Item is one thing that a loop is told by another: for messages, one item per (message, loop).
type Item struct {
	Kind    uint8    // 0 = a message; other kinds belong to the engine
	Slot    uint32   // for the engine's kinds
	Msg     *Message // one reference travels with the item
	Plan    *Plan    // names the subscription identifiers of Targets
	Targets []Target // this loop's receivers; shared, never changed
	Seqs    []uint64 // sequence numbers, one a target, for messages above QoS 0; shared, never changed
	Arg     any      // for the engine's kinds
}

// Inbox is the one queue of a loop: many producers, one consumer. Order is its own.
type Inbox struct {
	mu        sync.Mutex
	items     []Item
	scheduled bool
}

// Push appends a batch under one lock. It tells whether the loop has to be woken, which only the first after a drain
// does, and how many items wait.
func (q *Inbox) Push(items []Item) (wake bool, waiting int) {
	q.mu.Lock()
	q.items = append(q.items, items...)
	waiting = len(q.items)
	wake = !q.scheduled
	q.scheduled = true
	q.mu.Unlock()
	return wake, waiting
}

// PushOne appends one item.
func (q *Inbox) PushOne(it Item) (wake bool) {
	q.mu.Lock()
	q.items = append(q.items, it)
	wake = !q.scheduled
	q.scheduled = true
	q.mu.Unlock()
	return wake
}

// Drain takes everything and leaves spare as the next buffer.
func (q *Inbox) Drain(spare []Item) []Item {
	q.mu.Lock()
	items := q.items
	q.items = spare[:0]
	q.scheduled = false
	q.mu.Unlock()
	return items
}

// Len is the number of items waiting.
func (q *Inbox) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}
