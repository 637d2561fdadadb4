package rig

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Book compares what publishers were promised with what a subscriber got. Messages are texts, a topic and a number that counts up
// from 0 within it.
type Book struct {
	mu    sync.Mutex
	acked map[string]bool
	got   []string
	again map[string]bool // came with DUP
	seen  map[string]int
}

// NewBook makes an empty one.
func NewBook() *Book {
	return &Book{acked: map[string]bool{}, again: map[string]bool{}, seen: map[string]int{}}
}

// Text is the message of a number.
func Text(topic string, n int) string { return topic + " " + strconv.Itoa(n) }

// Acked notes that a message's publisher has its acknowledgement.
func (b *Book) Acked(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.acked[text] = true
}

// Got notes an arrival.
func (b *Book) Got(text string, dup bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got = append(b.got, text)
	b.seen[text]++
	b.again[text] = b.again[text] || dup
}

// Promised is how many messages were acknowledged.
func (b *Book) Promised() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.acked)
}

// Owed are the messages that were acknowledged and have not come.
func (b *Book) Owed() (list []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for text := range b.acked {
		if b.seen[text] == 0 {
			list = append(list, text)
		}
	}
	return list
}

// Settle waits for all that is owed. Look brings in what has come meanwhile, where nobody else does.
func (b *Book) Settle(t testing.TB, look func()) {
	t.Helper()
	t.Cleanup(func() {
		if owed := b.Owed(); t.Failed() && len(owed) > 0 {
			slices.Sort(owed)
			t.Logf("%d messages were acknowledged and have not come, such as %q", len(owed), owed[:min(len(owed), 10)])
		}
	})
	Eventually(t, "every message that was acknowledged", func() bool {
		look()
		return len(b.Owed()) == 0
	})
}

// Part is what a client library does itself for a promise to hold over reconnects.
type Part struct {
	Ordered bool // publishers repeat in the order of sending, and send nothing new in between
	Once    bool // publishers and the subscriber go on with an exchange at QoS 2 where it was
	ByDup   bool // with Once: the subscriber hands on what the broker says is a repeat
}

// Check judges what came, after Settle: of each topic in the order of its numbers, of first arrivals that is, and
// of topics that end with 2, which are at QoS 2, no message twice.
func (b *Book) Check(t testing.TB, p Part) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	last, first := map[string]int{}, map[string]bool{}
	for _, text := range b.got {
		topic, number, _ := strings.Cut(text, " ")
		n, err := strconv.Atoi(number)
		switch {
		case err != nil:
			t.Errorf("got %q, which nobody has sent", text)
		case first[text]:
		default:
			if before, any := last[topic]; any && n < before && p.Ordered {
				t.Errorf("%q came for the first time after %d", text, before)
			}
			if times := b.seen[text]; p.Once && times > 1 && strings.HasSuffix(topic, "2") && !(p.ByDup && b.again[text]) {
				t.Errorf("%q came %d times", text, times)
			}
			last[topic], first[text] = n, true
		}
	}
	t.Logf("%d messages acknowledged, %d came, %s", len(b.acked), len(b.got), b.repeats())
}

func (b *Book) repeats() string {
	n := 0
	for _, times := range b.seen {
		n += times - 1
	}
	return fmt.Sprintf("%d of them again", n)
}
