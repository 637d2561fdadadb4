package store

// Delivery is one message on its way to one session, named by the session's ID and its sequence number there.
type Delivery struct {
	Session uint64
	Seq     uint64
	QoS     byte // of the delivery, 1 or 2
	Retain  bool // RETAIN as it will be sent
	Shared  bool // by a shared subscription
	SubIDs  []uint32
}

const (
	deliveryQoS    = 0x03
	deliveryRetain = 0x04
	deliveryShared = 0x08
	deliverySubIDs = 4 // shift of their number; 15: the number follows
	manySubIDs     = 15
)

// Enqueue appends ENQ: message id goes to these sessions. A session that is over is left out by the store, because
// the loop that routes may not know it yet.
//
//	ENQ = message id, deliveries to the end of the record
//	delivery = session, seq, flags (bits 0-1 QoS, 2 retain, 3 shared, 4-7 number of identifiers), [number - 15], identifiers
func (b *Batch) Enqueue(id uint64, deliveries []Delivery) {
	start := b.begin(ENQ)
	b.uint(id)
	for i := range deliveries {
		d := &deliveries[i]
		flags := d.QoS&deliveryQoS | bit(d.Retain, deliveryRetain) | bit(d.Shared, deliveryShared)
		n := len(d.SubIDs)
		b.uint(d.Session)
		b.uint(d.Seq)
		b.buf = append(b.buf, flags|byte(min(n, manySubIDs))<<deliverySubIDs)
		if n >= manySubIDs {
			b.uint(uint64(n - manySubIDs))
		}
		for _, sub := range d.SubIDs {
			b.uint(uint64(sub))
		}
	}
	b.end(start, 0)
}

func decodeEnqueue(c *cursor, r *Record) {
	r.Message.ID = c.id()
	for len(c.b) > 0 {
		d := Delivery{Session: c.id(), Seq: c.uint(1<<64 - 1)}
		flags := c.byte()
		d.QoS, d.Retain, d.Shared = flags&deliveryQoS, flags&deliveryRetain != 0, flags&deliveryShared != 0
		n := uint64(flags >> deliverySubIDs)
		if n == manySubIDs {
			n += c.uint(1<<32 - 1)
		}
		if n > uint64(len(c.b)) || d.QoS == 3 { // each identifier takes a byte at least
			c.fail()
		}
		if n > 0 && !c.bad {
			d.SubIDs = make([]uint32, n)
			for i := range d.SubIDs {
				d.SubIDs[i] = c.uint32()
			}
		}
		if c.bad {
			return
		}
		r.Deliveries = append(r.Deliveries, d)
	}
}

// Ack appends ACK: the delivery is over (acknowledged, refused, expired, dropped).
//
//	ACK = session, seq
func (b *Batch) Ack(session, seq uint64) { b.pair(ACK, session, seq) }

// Release appends REL: the receiver has answered PUBREC, so this delivery is never sent as PUBLISH again.
//
//	REL = session, seq
func (b *Batch) Release(session, seq uint64) { b.pair(REL, session, seq) }

// Receive appends QIN: the session's client sent a QoS 2 PUBLISH with this packet identifier.
//
//	QIN = session, packet identifier
func (b *Batch) Receive(session uint64, id uint16) { b.pair(QIN, session, uint64(id)) }

// Complete appends QINDEL: its PUBREL came, the identifier is free.
//
//	QINDEL = session, packet identifier
func (b *Batch) Complete(session uint64, id uint16) { b.pair(QINDEL, session, uint64(id)) }

func (b *Batch) pair(k Kind, session, v uint64) {
	start := b.begin(k)
	b.uint(session)
	b.uint(v)
	b.end(start, 0)
}

func decodeSeq(c *cursor, r *Record) {
	r.Session.ID = c.id()
	r.Seq = c.uint(1<<64 - 1)
}

func decodePacketID(c *cursor, r *Record) {
	r.Session.ID = c.id()
	if r.PacketID = c.uint16(); r.PacketID == 0 {
		c.fail()
	}
}
