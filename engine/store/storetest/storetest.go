// Package storetest is the suite that every implementation of store.Store runs: it writes batches, opens the store
// again and compares what Recover gives with what the records mean.
package storetest

import (
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// Open makes an empty store for one test, cleaned up when that ends. reopen is called after the present store was
// closed, and gives one with its state; it may be called again.
type Open func(t *testing.T) (s store.Store, reopen func() store.Store)

// Run checks the whole contract.
func Run(t *testing.T, open Open) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(*harness)
	}{
		{"an empty store recovers nothing", emptyRecovers},
		{"every record comes back whole", wholeRecords},
		{"later records win", laterWins},
		{"a queue comes back in the order of its sequence numbers", queueOrder},
		{"an acknowledged delivery is gone, before REL and after", ackAndRel},
		{"a message lives as long as a delivery names it", messageLives},
		{"a delivery moves between sessions within a batch", deliveryMoves},
		{"a dropped session takes all that was its with it", sessionDropped},
		{"records about a session that is over say nothing", overSession},
		{"incoming identifiers are held until QINDEL", incoming},
		{"big records and many of them come back", big},
		{"dones come once each, in order, and not from Append", doneOrder},
		{"loops may append at once", appendAtOnce},
		{"a batch is the caller's again after its commit", batchIsReturned},
		{"Load gives messages in the order asked", load},
		{"Load finds what was appended before it", loadFindsAppended},
		{"a batch of nothing is told in its turn", nothing},
		{"Close commits what was appended", closeCommits},
		{"Close fails the rest when its time is over", closeLate},
		{"nothing is committed after Close", afterClose},
		{"Recover opens a closed store again", recoverAgain},
		{"Recover stops at an error and at the end of its context", recoverStops},
		{"random schedules end in the state that their records mean", random},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := &harness{T: t}
			h.s, h.reopen = open(t)
			if got := h.live(); len(got) > 0 {
				t.Fatalf("a new store recovers %q, want nothing", got)
			}
			test.run(h)
			h.shut()
		})
	}
}
