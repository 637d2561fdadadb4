package engine

import "context"

// Inventory is what a broker holds at one moment. When no client is left and no session waits for its own, all of it but
// Retained is zero: tests end with that.
type Inventory struct {
	Connections   int   // open sockets, accepted clients or not
	Sessions      int   // with a connection or without
	Moving        int   // sessions on their way between loops, at either end
	Estates       int   // sessions that are over, of which the store keeps something until others have it
	ClientIDs     int   // names in the directory
	Slots         int   // places that routing knows
	Subscriptions int   // in the index, and memberships of shared ones
	Filters       int   // different ones in the index
	SharedGroups  int   // shared subscriptions with a member
	Retained      int   // retained messages
	Messages      int64 // message bodies in memory, retained ones aside
	Frames        int64 // encoded packets
	Timers        int   // in all wheels
	Absent        int   // sessions without a connection, as they are counted
	Queued        int   // messages in the queues of sessions, as they are counted
	QueuedBytes   int   // of those
	Full          int   // queues that publishers are refused for
	Uncommitted   int   // batches that the store has not confirmed
	InputBytes    int   // kept of input that is not a whole packet, or waits for its turn
	OutputBytes   int   // waiting to be written
}

// Inventory asks each loop in its turn, which walks over all it owns: it is for tests and diagnosis. While messages
// cross loops the sum may be off by them. The error is that of ctx, or ErrStopped.
func (b *Broker) Inventory(ctx context.Context) (Inventory, error) {
	v := &Inventory{
		ClientIDs: b.directory.len(), Slots: b.slots.Len(), Filters: b.index.Filters(),
		SharedGroups: b.groups.Len(), Full: int(b.full.queues.Load()), Retained: b.retained.Len(), Subscriptions: int(b.subscriptions.Load()),
	}
	if b.pick() == nil {
		return Inventory{}, ErrStopped
	}
	for _, l := range b.loops {
		if err := b.run(ctx, l, func(l *loop) error { l.inventory(v); return nil }); err != nil {
			return Inventory{}, err
		}
	}
	return *v, nil
}

func (l *loop) inventory(v *Inventory) {
	for i := range l.connCount {
		if c := l.connAt(i).c; c != nil {
			v.Connections++
			v.InputBytes += c.r.Buffered()
			v.OutputBytes += int(c.outBytes)
		}
	}
	for _, chunk := range l.table {
		for _, s := range chunk {
			if s != nil {
				v.Sessions++
			}
		}
	}
	v.Moving += len(l.pending) + len(l.fence.moving) + len(l.fence.next) + len(l.hold.moving)
	v.Estates += len(l.estates)
	l.pool.Settle()
	v.Messages += l.pool.Live()
	v.Frames += l.pool.Framed()
	v.Timers += l.wheel.Len()
	v.Absent += int(l.absent.n)
	v.Queued += int(l.backlog.messages)
	v.QueuedBytes += int(l.backlog.bytes)
	v.Uncommitted += len(l.hold.flying)
}
