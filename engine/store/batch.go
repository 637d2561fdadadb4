package store

import "encoding/binary"

// Batch is one group commit: records in the order of the calls, encoded as they come. The zero value is ready and
// Reset makes it ready again with its memory kept. It copies what it is given.
type Batch struct {
	buf []byte
	n   int
}

// keepBuffer is the largest buffer that survives a Reset: one pass with a huge message must not pin it.
const keepBuffer = 256 << 10

// Len is how many records the batch holds.
func (b *Batch) Len() int { return b.n }

// Bytes is the encoded records, good until the next call that adds or resets.
func (b *Batch) Bytes() []byte { return b.buf }

// Reset empties the batch.
func (b *Batch) Reset() {
	if b.n, b.buf = 0, b.buf[:0]; cap(b.buf) > keepBuffer {
		b.buf = nil
	}
}

// Record appends a decoded record again, as this version writes it: for logs that copy live records, and tests.
// A record of an unknown kind is copied as it is.
func (b *Batch) Record(r *Record) {
	switch r.Kind {
	case MSG:
		b.Message(&r.Message)
	case ENQ:
		b.Enqueue(r.Message.ID, r.Deliveries)
	case ACK:
		b.Ack(r.Session.ID, r.Seq)
	case REL:
		b.Release(r.Session.ID, r.Seq)
	case QIN:
		b.Receive(r.Session.ID, r.PacketID)
	case QINDEL:
		b.Complete(r.Session.ID, r.PacketID)
	case SES:
		b.Session(&r.Session)
	case SESDEL:
		b.DropSession(r.Session.ID)
	case SUB:
		b.Subscribe(r.Session.ID, &r.Subscription)
	case UNSUB:
		b.Unsubscribe(r.Session.ID, r.Subscription.Filter)
	case RET:
		b.Retain(&r.Message)
	case RETDEL:
		b.Unretain(r.Message.Topic)
	case META:
		b.Meta(r.Key, r.Value)
	default:
		b.buf = append(b.buf, r.Raw...)
		b.n++
	}
}

// lengthRoom is what begin leaves for the length.
const lengthRoom = 1

// begin starts a record and returns where its fields start.
func (b *Batch) begin(k Kind) int {
	b.n++
	b.buf = append(b.buf, byte(k), versions[k], 0)
	return len(b.buf)
}

// end writes the length of the fields from start on, to which after more bytes will be appended. Most records
// are short and their length fits the byte that was left for it; the fields of others move.
func (b *Batch) end(start, after int) {
	n := uint64(len(b.buf) - start + after)
	if n < 0x80 {
		b.buf[start-lengthRoom] = byte(n)
		return
	}
	var length [binary.MaxVarintLen64]byte
	size := binary.PutUvarint(length[:], n)
	b.buf = append(b.buf, length[:size-lengthRoom]...) // room, written over by the move
	copy(b.buf[start+size-lengthRoom:], b.buf[start:len(b.buf)-(size-lengthRoom)])
	copy(b.buf[start-lengthRoom:], length[:size])
}

func (b *Batch) uint(v uint64) { b.buf = binary.AppendUvarint(b.buf, v) }

func (b *Batch) time(v int64) { b.uint(uint64(max(v, 0))) }

func (b *Batch) bytes(v []byte) {
	b.uint(uint64(len(v)))
	b.buf = append(b.buf, v...)
}
