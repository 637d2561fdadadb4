package store

import (
	"errors"
	"fmt"
)

// Kind says what a record is about. Kinds are never reused. One with bit 7 set must be understood: a reader that
// does not know it refuses the store; any other unknown kind is carried along unread.
type Kind uint8

const (
	MSG    Kind = 1  // a message, once for all its receivers
	ENQ    Kind = 2  // deliveries of a message to sessions
	ACK    Kind = 3  // a delivery is over
	REL    Kind = 4  // a QoS 2 delivery got its PUBREC
	QIN    Kind = 5  // a QoS 2 message came in
	QINDEL Kind = 6  // its PUBREL came
	SES    Kind = 7  // a session, and what its last connection said
	SESDEL Kind = 8  // a session is over, with all that was its
	SUB    Kind = 9  // a subscription
	UNSUB  Kind = 10 // a subscription is over
	RET    Kind = 11 // the retained message of a topic
	RETDEL Kind = 12 // a topic has none any more
	META   Kind = 13 // a note of the broker's own
)

const (
	lastKind            = META
	mustUnderstand Kind = 0x80
)

func (k Kind) String() string {
	return name(k, "0", "MSG", "ENQ", "ACK", "REL", "QIN", "QINDEL", "SES", "SESDEL", "SUB", "UNSUB", "RET", "RETDEL", "META")
}

// versions is what this program writes of each kind. A change of fields raises it and keeps the old reader.
var versions = [...]byte{
	MSG: 1, ENQ: 1, ACK: 1, REL: 1, QIN: 1, QINDEL: 1, SES: 2, SESDEL: 1, SUB: 1, UNSUB: 1, RET: 1, RETDEL: 1, META: 1,
}

// Record is the decoded form of one record: its kind and the fields that kind has. All slices alias the encoded
// bytes, except that Deliveries reuses the Record's own memory.
type Record struct {
	Kind    Kind
	Version byte
	Raw     []byte // the whole encoded record; all there is of an unknown kind

	Session      Session      // SES; of SESDEL, SUB, UNSUB, ACK, REL, QIN, QINDEL the ID alone
	Subscription Subscription // SUB; of UNSUB the Filter
	Message      Message      // MSG, RET; of RETDEL the Topic, of ENQ the ID
	Deliveries   []Delivery   // ENQ
	Seq          uint64       // ACK, REL
	PacketID     uint16       // QIN, QINDEL
	Key, Value   []byte       // META
}

// Errors of Decode.
var (
	ErrMalformed = errors.New("store: malformed record")
	ErrNewer     = errors.New("store: record of a newer format")
)

// Decode reads the first record of b into r and returns how many bytes it takes. It allocates no more than
// what b holds can fill, and refuses what an encoder would not have written.
//
//	record = kind byte, version byte, uvarint n, n bytes of fields
//
// Fields are uvarints, bytes, and strings with a uvarint length before them. The fields of each kind stand at
// their encoder.
func Decode(b []byte, r *Record) (int, error) {
	*r = Record{Deliveries: r.Deliveries[:0]}
	c := cursor{b: b}
	r.Kind, r.Version = Kind(c.byte()), c.byte()
	fields := c.bytes()
	if c.bad || r.Kind == 0 || r.Version == 0 {
		return 0, ErrMalformed
	}
	n := len(b) - len(c.b)
	r.Raw = b[:n:n]
	if r.Kind > lastKind {
		if r.Kind&mustUnderstand != 0 {
			return 0, fmt.Errorf("%w: kind %d", ErrNewer, r.Kind)
		}
		return n, nil
	}
	if r.Version > versions[r.Kind] {
		return 0, fmt.Errorf("%w: %v version %d", ErrNewer, r.Kind, r.Version)
	}
	f := cursor{b: fields}
	decodeFields(&f, r)
	if f.bad || len(f.b) > 0 {
		return 0, fmt.Errorf("%w: %v", ErrMalformed, r.Kind)
	}
	return n, nil
}

// decodeFields calls by name: through a table of functions each cursor would be allocated, and so cost more than the rest.
func decodeFields(c *cursor, r *Record) {
	switch r.Kind {
	case MSG, RET:
		decodeMessage(c, r)
	case ENQ:
		decodeEnqueue(c, r)
	case ACK, REL:
		decodeSeq(c, r)
	case QIN, QINDEL:
		decodePacketID(c, r)
	case SES:
		decodeSession(c, r)
	case SESDEL:
		decodeSessionID(c, r)
	case SUB:
		decodeSubscription(c, r)
	case UNSUB:
		decodeFilter(c, r)
	case RETDEL:
		decodeTopic(c, r)
	case META:
		decodeMeta(c, r)
	}
}

// Each decodes all records of b into r, one after the other, and visits them.
func Each(b []byte, r *Record, visit func(*Record) error) error {
	for len(b) > 0 {
		n, err := Decode(b, r)
		if err != nil {
			return err
		}
		if err := visit(r); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
