package rig

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// Audit waits until all connections have gone and what the broker has of deliveries is what the store has: those that wait
// or are open, and not one more or less. The store is one that may be asked while it is used.
func (b *Broker) Audit(st store.Store) {
	b.t.Helper()
	var differ []string
	if Eventually(func() bool {
		v := b.Inventory()
		if v.Connections+v.Moving+v.Uncommitted > 0 {
			return false
		}
		differ = b.differ(st)
		return len(differ) == 0
	}) {
		return
	}
	b.t.Errorf("what the broker and its store have differs, %+v:", b.Inventory())
	for _, d := range differ {
		b.t.Error(d)
	}
}

func (b *Broker) differ(st store.Store) (all []string) {
	held, kept, names := map[string]int{}, map[string]int{}, map[uint64]string{}
	for query := (engine.ClientQuery{Limit: 1000}); ; {
		page, err := b.Clients(context.Background(), query)
		if err != nil {
			return []string{err.Error()}
		}
		for _, c := range page.Clients {
			held[c.ClientID] = c.Queued + c.Inflight
		}
		if query.After = page.Next; page.Next == 0 {
			break
		}
	}
	if err := st.Recover(context.Background(), func(r *store.Record) error {
		switch r.Kind {
		case store.SES:
			names[r.Session.ID] = string(r.Session.ClientID)
			kept[names[r.Session.ID]] += 0
		case store.ENQ:
			for _, d := range r.Deliveries {
				kept[names[d.Session]]++
			}
		}
		return nil
	}); err != nil {
		return []string{err.Error()}
	}
	for id := range held {
		kept[id] += 0
	}
	for _, id := range slices.Sorted(maps.Keys(kept)) {
		if n, ok := held[id]; !ok || n != kept[id] {
			all = append(all, fmt.Sprintf("client %q: session there %v, %d deliveries, %d in the store", id, ok, n, kept[id]))
		}
	}
	return all
}
