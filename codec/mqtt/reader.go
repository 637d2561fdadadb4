package mqtt

// Reader cuts packets out of a stream, whatever the pieces it comes in. The zero
// value is ready; there is one per connection.
//
// A packet that arrived whole is never copied. Of a partial one the Reader keeps
// what arrived in a buffer of its own, which holds at most twice that and never
// more than the whole packet, and which it lets go with the packet's last byte.
// So a header that announces 256 MB costs its sender 256 MB to make it cost us that.
type Reader struct {
	spent spent
	buf   []byte // buf[off:] is unread; nil when nothing is
	off   int
}

// [MQTT-3.2.2-15]; a server that does this to a client breaks [MQTT-3.1.2-24].
var faultTooLarge = newFault(PacketTooLarge, "MQTT-3.2.2-15", "", "the packet is larger than this side accepts")

// Next takes the first packet off the unread bytes followed by in. A zero h.Type
// without error means there is no whole packet: what there is was kept, rest is
// empty, and Next wants more. max is the size of the largest whole packet
// accepted (0: any); a larger one is refused as soon as its header is there.
//
// body points into in or into the Reader's buffer and is valid until the next
// call of Next or Reset; rest is what is left of in. After an error the stream
// has no meaning any more and the connection is to be closed.
func (r *Reader) Next(in []byte, max int) (h Header, body, rest []byte, err error) {
	r.spent.scribble()
	if r.buf != nil {
		return r.resume(in, max)
	}
	// Nearly all packets: whole, and less than 128 bytes behind the header.
	if len(in) >= 2 && in[0] >= 0x10 && in[1] < 0x80 {
		if total := 2 + int(in[1]); total <= len(in) && (max <= 0 || total <= max) {
			return Header{Type(in[0] >> 4), in[0] & 15, total - 2, 2}, in[2:total:total], in[total:], nil
		}
	}
	return r.first(in, max)
}

// first is Next when nothing is unread from before.
func (r *Reader) first(in []byte, max int) (h Header, body, rest []byte, err error) {
	h, ok, err := ReadHeader(in)
	if err != nil {
		return h, nil, nil, err
	}
	if !ok {
		r.keep(nil, in, len(in))
		return Header{}, nil, nil, nil
	}
	total := h.Size + h.Remaining
	if max > 0 && total > max {
		return h, nil, nil, faultTooLarge.at(site5)
	}
	if total > len(in) {
		r.keep(nil, in, min(total, 2*len(in)))
		return Header{}, nil, nil, nil
	}
	return h, in[h.Size:total:total], in[total:], nil
}

// resume is Next when there are unread bytes from before.
func (r *Reader) resume(in []byte, max int) (h Header, body, rest []byte, err error) {
	unread := r.buf[r.off:]
	h, ok, err := headerOf(unread, in)
	if err != nil {
		return h, nil, nil, err
	}
	if !ok {
		r.keep(unread, in, len(unread)+len(in))
		return Header{}, nil, nil, nil
	}
	total := h.Size + h.Remaining
	if max > 0 && total > max {
		return h, nil, nil, faultTooLarge.at(site5)
	}
	if total > len(unread) {
		n := min(total-len(unread), len(in))
		r.fill(unread, in[:n], total)
		unread, in = r.buf, in[n:]
		if total > len(unread) {
			return Header{}, nil, nil, nil
		}
	}
	body = unread[h.Size:total:total]
	r.spent.lend(body)
	r.off += total
	if r.off == len(r.buf) {
		r.buf, r.off = nil, 0 // body alone holds the buffer now
	}
	return h, body, in, nil
}

// headerOf reads the header at the start of a followed by b.
func headerOf(a, b []byte) (h Header, ok bool, err error) {
	h, ok, err = ReadHeader(a)
	if ok || err != nil || len(b) == 0 {
		return h, ok, err
	}
	var joint [5]byte // no header is longer, so a holds at most four bytes
	n := copy(joint[:], a)
	n += copy(joint[n:], b)
	return ReadHeader(joint[:n])
}

// fill adds more to the unread bytes, the start of a packet of total bytes.
// Bytes lent out before lie in front of them in the buffer and are not moved over.
func (r *Reader) fill(unread, more []byte, total int) {
	need := len(unread) + len(more)
	if r.off == 0 && need <= cap(r.buf) && cap(r.buf) <= total {
		r.buf = append(r.buf, more...)
		return
	}
	r.keep(unread, more, min(total, 2*need))
}

// keep puts a followed by b into a new buffer with room for size bytes.
func (r *Reader) keep(a, b []byte, size int) {
	if size == 0 {
		return
	}
	buf := make([]byte, 0, size)
	r.buf, r.off = append(append(buf, a...), b...), 0
}

// Keep adds raw bytes that were not taken yet, such as the rest of a read when
// the connection pauses in the middle of it. Next(nil, max) goes on with them.
// A body lent out by Next stays valid.
func (r *Reader) Keep(in []byte) {
	if len(in) == 0 {
		return
	}
	unread := r.buf[r.off:]
	if need := len(unread) + len(in); need > cap(unread) {
		r.keep(unread, in, max(need, 2*len(unread)))
		return
	}
	r.buf = append(r.buf, in...)
}

// Buffered returns the bytes of memory held for this connection.
func (r *Reader) Buffered() int { return cap(r.buf) }

// Reset forgets all unread bytes.
func (r *Reader) Reset() {
	r.spent.scribble()
	r.buf, r.off = nil, 0
}
