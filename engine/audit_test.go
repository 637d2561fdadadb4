package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/internal/session"
	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/fanout"
	"github.com/penstock-mqtt/penstock/trie"
)

// account is what is kept of a session, in words, each with the number of times that it is there.
type account map[string]int

// accounts are by the sessions' names in the store.
type accounts map[uint64]account

func (a accounts) add(id uint64, format string, args ...any) {
	if a[id] == nil {
		a[id] = account{}
	}
	a[id][fmt.Sprintf(format, args...)]++
}

// audit compares what the loops have of their stored sessions with what the store has, once nothing is on its way: every
// delivery that was stored is queued or open, and every one that is queued or open is stored; and so are subscriptions and
// the identifiers of QoS 2 messages that came in. It tells how much there was to compare.
func audit(t *testing.T, b *Broker, st store.Store) (compared int) {
	t.Helper()
	until(t, "quiet", func() bool { return quiet(t, b) })
	loops, stored := loopAccounts(t, b), storeAccounts(t, st)
	for _, a := range stored {
		for _, n := range a {
			compared += n
		}
	}
	diff := differences(loops, stored)
	if len(diff) == 0 {
		return compared
	}
	t.Errorf("what the loops have and what the store has differ in %d points:\n%s", len(diff), strings.Join(diff[:min(len(diff), 20)], "\n"))
	return compared
}

// quiet tells whether nothing is on its way: no batch, no session between loops, no message that is read.
func quiet(t *testing.T, b *Broker) bool {
	t.Helper()
	if v := inventory(t, b); v.Uncommitted+v.Moving > 0 {
		return false
	}
	still := b.settled()
	for i := range b.loops {
		onLoop(t, b, i, func(l *loop) {
			l.eachSession(func(s *sess) { still = still && !s.Loading })
			still = still && len(l.estates) == 0
		})
	}
	return still
}

func loopAccounts(t *testing.T, b *Broker) accounts {
	t.Helper()
	all := accounts{}
	for i := range b.loops {
		onLoop(t, b, i, func(l *loop) {
			l.eachSession(func(s *sess) {
				if s.ID != 0 {
					l.account(all, s)
				}
			})
		})
	}
	return all
}

func (l *loop) account(all accounts, s *sess) {
	all.add(s.ID, "client %q", s.ClientID)
	s.Queue.Each(func(d *session.Delivery) {
		if d.QoS > 0 {
			all.add(s.ID, "delivery %d at QoS %d", d.Seq, d.QoS)
		}
	})
	if s.Send != nil {
		s.Send.Each(func(seq uint64, qos byte, released bool, _ *session.Open) {
			all.add(s.ID, "delivery %d at QoS %d", seq, qos)
			if released {
				all.add(s.ID, "delivery %d is released", seq)
			}
		})
	}
	if s.Recv != nil {
		s.Recv.Each(func(packet uint16) { all.add(s.ID, "incoming %d", packet) })
	}
	sub := func(filter []byte, t fanout.Target) {
		options := mqtt.SubscriptionOptions(t.QoS, t.Flags&fanout.NoLocal != 0, t.Flags&fanout.RetainAsPublished != 0, 0)
		all.add(s.ID, "subscription %q %x %d", filter, options, t.ID)
	}
	s.Subs.Each(func(h trie.Handle) {
		if filter, x, ok := l.b.index.Get(h, s.Slot, nil); ok {
			sub(filter, fanout.TargetOf(x))
		}
	})
	for name := range s.Subs.Shared() {
		if g := l.b.groups.Named(name); g != nil {
			if t, ok := g.Member(s.Slot); ok {
				sub([]byte(name), t)
			}
		}
	}
}

func storeAccounts(t *testing.T, st store.Store) accounts {
	t.Helper()
	all := accounts{}
	err := st.Recover(context.Background(), func(r *store.Record) error {
		switch id := r.Session.ID; r.Kind {
		case store.SES:
			all.add(id, "client %q", r.Session.ClientID)
		case store.SUB:
			all.add(id, "subscription %q %x %d", r.Subscription.Filter, r.Subscription.Options&0x0f, r.Subscription.ID)
		case store.QIN:
			all.add(id, "incoming %d", r.PacketID)
		case store.ENQ:
			for _, d := range r.Deliveries {
				all.add(d.Session, "delivery %d at QoS %d", d.Seq, d.QoS)
			}
		case store.REL:
			all.add(id, "delivery %d is released", r.Seq)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// differences lists what only one side has. An identifier whose PUBREL came is stored no longer, and is known to the loop
// until its PUBCOMP has left.
func differences(loops, stored accounts) (all []string) {
	ids := map[uint64]bool{}
	for id := range loops {
		ids[id] = true
	}
	for id := range stored {
		ids[id] = true
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		words := map[string]bool{}
		for w := range loops[id] {
			words[w] = true
		}
		for w := range stored[id] {
			words[w] = true
		}
		for _, w := range slices.Sorted(maps.Keys(words)) {
			in, out := loops[id][w], stored[id][w]
			if in != out && !(strings.HasPrefix(w, "incoming") && out == 0) {
				all = append(all, fmt.Sprintf("session %d: %s: %d times in the loop, %d times in the store", id, w, in, out))
			}
		}
	}
	return all
}

// eachSession visits the sessions of the loop.
func (l *loop) eachSession(visit func(s *sess)) {
	for _, chunk := range l.table {
		for _, s := range chunk {
			if s != nil {
				visit(s)
			}
		}
	}
}
