package store

// Message is a PUBLISH as it was taken over.
type Message struct {
	ID        uint64 // 0 in RET: a retained message is named by its topic
	Topic     []byte
	Props     []byte // properties that go to subscribers unchanged, encoded as in a PUBLISH, without their length
	Payload   []byte
	QoS       byte
	Retain    bool
	Publisher uint64   // session ID of the publisher, 0: the broker itself or a session without record
	Expiry    Lifetime // of the message
}

// Lifetime is how much of a lifetime was left when it was written down. Time is that of the broker's steady clock: seconds
// since 1970 if the machine's clock was right when the store was new, but what it does since, jumps and all, is not
// followed. It never goes back over the life of a store.
type Lifetime struct {
	Left uint32 // seconds, rounded up; 0: not set, there is no limit
	Wall int64  // steady time when Left was so much, seconds
}

const (
	messageQoS    = 0x03
	messageRetain = 0x04
	messageExpiry = 0x08
)

// Message appends MSG. The message lives while a delivery names it: ENQ must be in the same batch, and when
// the last of its deliveries is over it is gone by itself.
//
//	MSG = id, message
//	message = flags (bits 0-1 QoS, 2 retain, 3 expiry), publisher, [left, wall], topic, properties, payload
//
// The payload is the rest of the record.
func (b *Batch) Message(m *Message) {
	start := b.begin(MSG)
	b.uint(m.ID)
	b.message(start, m)
}

// Retain appends RET: m is now the retained message of its topic.
//
//	RET = message
func (b *Batch) Retain(m *Message) { b.message(b.begin(RET), m) }

// Unretain appends RETDEL: the topic has no retained message any more.
//
//	RETDEL = topic
func (b *Batch) Unretain(topic []byte) {
	start := b.begin(RETDEL)
	b.bytes(topic)
	b.end(start, 0)
}

func (b *Batch) message(start int, m *Message) {
	b.buf = append(b.buf, m.QoS&messageQoS|bit(m.Retain, messageRetain)|bit(m.Expiry.Left > 0, messageExpiry))
	b.uint(m.Publisher)
	if m.Expiry.Left > 0 {
		b.lifetime(m.Expiry)
	}
	b.bytes(m.Topic)
	b.bytes(m.Props)
	b.end(start, len(m.Payload)) // before the payload, so that only the small part ever moves
	b.buf = append(b.buf, m.Payload...)
}

func (b *Batch) lifetime(t Lifetime) {
	b.uint(uint64(t.Left))
	b.time(t.Wall)
}

func (c *cursor) lifetime() Lifetime { return Lifetime{Left: c.uint32(), Wall: c.time()} }

func decodeMessage(c *cursor, r *Record) {
	m := &r.Message
	if r.Kind == MSG {
		m.ID = c.id()
	}
	flags := c.byte()
	m.QoS, m.Retain = flags&messageQoS, flags&messageRetain != 0
	m.Publisher = c.uint(1<<64 - 1)
	m.Expiry = c.optionalLifetime(flags&messageExpiry != 0)
	if m.QoS == 3 || flags > messageQoS|messageRetain|messageExpiry {
		c.fail()
	}
	m.Topic, m.Props, m.Payload = c.bytes(), c.bytes(), c.rest()
}

func decodeTopic(c *cursor, r *Record) { r.Message.Topic = c.bytes() }
