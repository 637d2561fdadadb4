package store

// Subscription is one filter of a session.
type Subscription struct {
	Filter  []byte // as in SUBSCRIBE, $share/group/ included
	Options byte   // as in SUBSCRIBE 5.0, with the QoS that was granted
	ID      uint32 // Subscription Identifier, 0: none
}

// Subscribe appends SUB: it replaces what the session had for this filter.
//
//	SUB = session, options, identifier, filter
func (b *Batch) Subscribe(session uint64, s *Subscription) {
	start := b.begin(SUB)
	b.uint(session)
	b.buf = append(b.buf, s.Options)
	b.uint(uint64(s.ID))
	b.bytes(s.Filter)
	b.end(start, 0)
}

// Unsubscribe appends UNSUB.
//
//	UNSUB = session, filter
func (b *Batch) Unsubscribe(session uint64, filter []byte) {
	start := b.begin(UNSUB)
	b.uint(session)
	b.bytes(filter)
	b.end(start, 0)
}

func decodeSubscription(c *cursor, r *Record) {
	r.Session.ID = c.id()
	r.Subscription = Subscription{Options: c.byte(), ID: c.uint32(), Filter: c.bytes()}
}

func decodeFilter(c *cursor, r *Record) {
	r.Session.ID = c.id()
	r.Subscription.Filter = c.bytes()
}
