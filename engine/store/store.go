// Package store is the contract between the broker's core and whatever keeps its state, with the records
// both speak and the implementation that keeps them in memory.
//
// The state is the broker's: it lives in the loops' memory, and the store is its log. A loop fills one Batch per
// pass and appends it; what must not be said before it is safe (PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK,
// CONNACK, deliveries at QoS 2) waits for the batch. At a start Recover gives everything back.
//
// Who owns what: a Batch belongs to its loop until Append and to the store until done; records decoded from it,
// and from Recover, alias its bytes and live until the visit returns. Names in records are
// numbers the engine allots: session IDs and message IDs, both unique over the life of the store, none 0.
package store

import (
	"context"
	"errors"
)

// ErrClosed is what happens to batches after Close.
var ErrClosed = errors.New("store: closed")

// Store keeps the state of a broker. The suite that every implementation passes is storetest.Run.
type Store interface {
	// Recover visits the whole live state and must return before anything else is called. The order is: META;
	// RET; MSG, each before the first ENQ that names it; then session by session SES, its SUBs, its QINs
	// and its queue in ascending seq, an ENQ with one delivery each, followed by its REL if it was released.
	// There are no other kinds, and nothing that a later record took back. An error of visit ends it.
	// It takes hold of what the store keeps its state in; after Close, Recover opens the store again.
	Recover(ctx context.Context, visit func(*Record) error) error

	// Append commits a batch, all of it or nothing, and never blocks. Batches commit in the order of their
	// Appends. True: it is committed, done is not called and the batch is the caller's again. False: done is
	// called exactly once, in the order of the Appends, on the store's own goroutine, and the batch belongs to the
	// store until then. done may be nil. After an error nothing may be acknowledged that depended on
	// the batch, and the store fails all that follows: what a failed write left behind is in doubt.
	Append(b *Batch, done func(error)) (committed bool)

	// Load reads stored messages back. done is called exactly once, on any goroutine and maybe before Load
	// returns, with one message per ref; one that is not stored any more has ID 0. The messages
	// are the caller's to keep and nobody's to change.
	Load(refs []Ref, done func([]Message, error))

	// Pressure tells how the store keeps up, for the loops to slow their publishers down. It is cheap.
	Pressure() Pressure

	// Close commits what was appended, calls the dones that are owed and lets go of everything. When ctx is done
	// first, the rest fails with ErrClosed.
	Close(ctx context.Context) error
}

// Ref names a stored message: the ID it was appended under. Where it lies is the store's to know, and changes.
type Ref uint64

// Pressure is how the store keeps up.
type Pressure uint8

const (
	Ok     Pressure = iota
	Slow            // a backlog grows: read less from those who publish
	Full            // no room: refuse what must be stored (QuotaExceeded), acknowledge what takes none
	Failed          // a write failed: nothing is committed any more
)

func (p Pressure) String() string { return name(p, "ok", "slow", "full", "failed") }

func name[T ~uint8](v T, names ...string) string {
	if int(v) < len(names) {
		return names[v]
	}
	return "unknown"
}
