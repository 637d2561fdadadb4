package bench

import (
	"encoding/binary"
	"slices"

	"github.com/penstock-mqtt/penstock/bench/internal/loop"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// Data implements loop.Handler: it cuts packets and takes each where it belongs.
func (k *client) Data(_ *loop.Conn, b []byte) {
	k.lane.clock()
	k.heard = k.lane.now
	if len(k.tail) > 0 {
		b = k.complete(b)
	}
	for k.conn != nil && k.state != leaving && len(b) >= 2 {
		head, body := 2, int(b[1])
		if body >= 0x80 {
			h, ok, err := mqtt.ReadHeader(b)
			if err != nil {
				k.violation("%v", err)
				return
			}
			if !ok {
				break
			}
			head, body = h.Size, h.Remaining
		}
		if head+body > len(b) {
			break
		}
		k.packet(b[0], b[head:head+body])
		b = b[head+body:]
	}
	if len(b) > 0 {
		k.tail = append(k.tail, b...)
	}
}

// maxAhead bounds what is reserved for a packet by what its header claims.
const maxAhead = 1 << 20

// complete fills the tail to a whole packet, takes it, and returns the rest; nothing is left when the packet still is not
// whole.
func (k *client) complete(b []byte) (rest []byte) {
	for k.conn != nil {
		h, ok, err := mqtt.ReadHeader(k.tail)
		if err != nil {
			k.violation("%v", err)
			return nil
		}
		if !ok {
			if len(b) == 0 {
				return nil
			}
			k.tail, b = append(k.tail, b[0]), b[1:]
			continue
		}
		missing := h.Size + h.Remaining - len(k.tail)
		k.tail = slices.Grow(k.tail, min(missing, maxAhead))
		n := min(missing, len(b))
		k.tail, b = append(k.tail, b[:n]...), b[n:]
		if n < missing {
			return nil
		}
		whole := k.tail
		k.packet(whole[0], whole[h.Size:])
		k.tail = whole[:0]
		if cap(whole) > maxAhead {
			k.tail = nil
		}
		return b
	}
	return nil
}

// packet takes one packet: first is the first byte of its header.
func (k *client) packet(first byte, body []byte) {
	t, flags := mqtt.Type(first>>4), first&15
	if k.state == dialing && t != mqtt.CONNACK {
		k.violation("%v before CONNACK", t)
		return
	}
	switch t {
	case mqtt.PUBLISH:
		k.receive(flags, body)
	case mqtt.PUBACK, mqtt.PUBREC, mqtt.PUBREL, mqtt.PUBCOMP:
		k.acknowledgement(t, flags, body)
	case mqtt.CONNACK:
		k.connack(flags, body)
	case mqtt.SUBACK:
		k.suback(flags, body)
	case mqtt.PINGRESP:
		if !k.pinged || len(body) > 0 {
			k.violation("PINGRESP that nobody asked for")
			return
		}
		k.pinged = false
	case mqtt.DISCONNECT:
		k.disconnected(flags, body)
	default:
		k.violation("%v from a broker", t)
	}
}

// acknowledgement takes an answer to our PUBLISH, or a PUBREL.
func (k *client) acknowledgement(t mqtt.Type, flags byte, body []byte) {
	var id uint16
	reason := mqtt.Success
	wantFlags := byte(0)
	if t == mqtt.PUBREL {
		wantFlags = 2
	}
	if len(body) == 2 && flags == wantFlags {
		id = binary.BigEndian.Uint16(body)
	} else {
		p := &k.lane.ack
		p.Type = t
		if err := p.Decode(k.lane.r.peer, flags, body); err != nil {
			k.violation("%v: %v", t, err)
			return
		}
		id, reason = p.ID, p.Reason
	}
	switch t {
	case mqtt.PUBACK:
		k.finish(t, id, forPuback, reason)
	case mqtt.PUBREC:
		k.pubrec(id, reason)
	case mqtt.PUBCOMP:
		k.finish(t, id, forPubcomp, reason)
	case mqtt.PUBREL:
		k.pubrel(id)
	}
}

// finish takes the last acknowledgement of an exchange.
func (k *client) finish(t mqtt.Type, id uint16, waits wait, reason mqtt.Reason) {
	p := k.out.find(id, waits)
	if p == nil {
		k.lane.faults.note(protocol, "%s: %v for packet %d, which waits for none", k.id, t, id)
		return
	}
	if reason >= 0x80 {
		k.lane.faults.note(refused, "%s: %v: %v", k.id, t, reason)
	}
	if waits == forPuback {
		k.lane.acknowledged(p)
	}
	k.out.end(p).acked()
}

func (k *client) pubrec(id uint16, reason mqtt.Reason) {
	p := k.out.find(id, forPubrec)
	switch {
	case p == nil:
		k.lane.faults.note(protocol, "%s: PUBREC for packet %d, which waits for none", k.id, id)
	case reason >= 0x80:
		k.lane.faults.note(refused, "%s: PUBREC: %v", k.id, reason)
		k.out.end(p).acked()
	default:
		k.lane.acknowledged(p)
		p.waits = forPubcomp
		k.answer(mqtt.PUBREL, id)
	}
}

// pubrel ends an exchange of the broker's. One that is not open is answered all the same, as it must be.
func (k *client) pubrel(id uint16) {
	if !k.in.end(id) {
		if k.reconnects == 0 {
			k.lane.faults.note(protocol, "%s: PUBREL for packet %d, which is not open", k.id, id)
		}
	} else {
		k.lane.unreleased--
	}
	k.answer(mqtt.PUBCOMP, id)
}

func (k *client) answer(t mqtt.Type, id uint16) {
	k.conn.Out = mqtt.AppendAck(k.conn.Out, t, id, mqtt.Success, k.lane.r.cfg.Version)
	k.conn.Flush()
}

// disconnected takes the broker's DISCONNECT, which only 5.0 has. It is a lost connection with a reason.
func (k *client) disconnected(flags byte, body []byte) {
	var p mqtt.Disconnect
	if err := p.Decode(k.lane.r.peer, flags, body); err != nil {
		k.violation("DISCONNECT: %v", err)
		return
	}
	if !k.mayFall {
		k.lane.faults.note(dropped, "%s: DISCONNECT: %v", k.id, p.Reason)
		k.failed = p.Reason
	}
	k.state = leaving
	k.reconnects++
	k.conn.Close()
}
