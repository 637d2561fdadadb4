package bench

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// stream is a sequence of messages that one client publishes to one topic at one QoS: what MQTT keeps in order, and what
// losses are counted by. It belongs to its publisher's lane; what the receivers' lanes read of it does not change once
// publishing has begun.
type stream struct {
	id     uint32
	topic  []byte
	qos    byte
	retain bool
	size   int // of the payloads

	feed  *feed
	place uint32 // in feed.streams
	head  []byte // the packet up to its payload
	idAt  int    // where the packet identifier stands in head; 0: nowhere
	sent  uint32

	// Who is to receive it: fan counts the windowed receivers, owed all that the drain waits for.
	fan  int32
	owed uint64
}

// encode prepares head.
func (s *stream) encode(v mqtt.Version) {
	p := mqtt.Publish{QoS: s.qos, Retain: s.retain, Topic: s.topic, ID: 1, Payload: make([]byte, s.size)}
	whole := p.AppendTo(nil, v)
	s.head = whole[:len(whole)-s.size]
	if s.qos > 0 {
		s.idAt = len(s.head) - 2
		if v >= mqtt.V5 {
			s.idAt-- // in front of the empty properties
		}
	}
}

// appendTo appends the next message, meant to be sent at that time.
func (s *stream) appendTo(dst []byte, seal *seal, id uint16, at uint32) []byte {
	from := len(dst)
	dst = append(dst, s.head...)
	if s.idAt > 0 {
		binary.BigEndian.PutUint16(dst[from+s.idAt:], id)
	}
	if s.size > 0 { // else it deletes what is retained
		dst = seal.append(dst, stamp{s.id, s.sent, at}, s.size)
	}
	s.sent++
	return dst
}

// feed is what a client publishes at one pace: streams in turn, in a closed loop within a window, in an open one when they
// are due. A client may have several. It belongs to the client's lane.
type feed struct {
	c        *client
	streams  []*stream
	turn     int
	seq      uint32 // messages begun
	limit    uint32 // messages to be sent in all; 0: no limit
	qos      byte   // of all its streams
	window   uint32 // messages that may be open
	closed   bool   // closed loop
	awaitAll bool   // Config.AwaitAll
	off      bool   // nothing new is begun

	open uint32 // QoS 1 and 2: unacknowledged

	// A closed loop that waits for deliveries, as at QoS 0: rest counts for each open message, by the low bits of its seq, the receivers it has not
	// reached; low is the oldest open one.
	rest    []int32
	low     uint32
	crosses bool // receivers are on other lanes, too

	due []uint32 // open loop: intended times of messages that could not go yet
}

// begin makes the feed ready, once it is known who receives it. A closed loop that reaches nobody would never end.
func (f *feed) begin(v mqtt.Version) error {
	for _, s := range f.streams {
		s.encode(v)
	}
	if f.closed && (f.qos == 0 || f.awaitAll) {
		if !slices.ContainsFunc(f.streams, func(s *stream) bool { return s.fan > 0 }) {
			return errors.New("subscribers: a closed loop that waits for deliveries needs somebody who gets them")
		}
		size := 1
		for size < int(f.window) {
			size *= 2
		}
		f.rest = make([]int32, size)
	}
	return nil
}

// room says whether another message may be begun.
func (f *feed) room() bool {
	if f.off || f.c.state != up || f.limit != 0 && f.seq == f.limit || len(f.c.conn.Out) > maxOut {
		return false
	}
	if f.rest != nil && f.seq-f.low >= f.window {
		return false
	}
	return f.qos == 0 || f.open < f.window
}

// maxOut is how many bytes a publisher's socket may be behind. Beyond it messages are not encoded yet; those that are due
// keep their times.
const maxOut = 1 << 20

// pump begins as many messages as there is room for.
func (f *feed) pump() {
	if f.closed {
		for f.room() {
			f.send(f.c.lane.now)
		}
		return
	}
	n := 0
	for n < len(f.due) && f.room() {
		f.send(f.due[n])
		n++
	}
	f.due = f.due[:copy(f.due, f.due[n:])]
}

// offer sends a message that is due, or keeps it until there is room.
func (f *feed) offer(at uint32) {
	if len(f.due) == 0 && f.room() {
		f.send(at)
		return
	}
	if !f.off {
		f.due = append(f.due, at)
		f.pump()
	}
}

// send begins one message.
func (f *feed) send(at uint32) {
	s := f.streams[f.turn]
	if f.turn++; f.turn == len(f.streams) {
		f.turn = 0
	}
	k, ln := f.c, f.c.lane
	var id uint16
	if f.qos > 0 {
		id = k.out.take(f, f.qos, at)
		f.open++
		ln.open++
	}
	if f.rest != nil {
		f.rest[f.seq&uint32(len(f.rest)-1)] = s.fan
	}
	f.seq++
	if f.rest != nil && s.fan == 0 {
		f.skip()
	}
	k.conn.Out = s.appendTo(k.conn.Out, ln.r.seal, id, at)
	k.conn.Flush()
	ln.sent++
	ln.owed += s.owed
	if !f.closed {
		ln.late.Add(int64(ln.now - at))
	}
}

// acked says that an exchange of QoS 1 or 2 is over.
func (f *feed) acked() {
	f.open--
	f.c.lane.open--
	f.pump()
}

// advance moves the window over what has reached everybody.
func (f *feed) advance() {
	f.skip()
	f.pump()
}

func (f *feed) skip() {
	mask := uint32(len(f.rest) - 1)
	for f.low != f.seq && load(&f.rest[f.low&mask], f.crosses) <= 0 {
		f.low++
	}
}
