package engine

import "github.com/penstock-mqtt/penstock/codec/mqtt"

// writeWire writes what the stages have left in the scratch; what the socket does not take is kept. false: the
// connection is over.
func (l *loop) writeWire(c *conn, y *layers) (alive bool) {
	defer l.stages.Reset()
	b := l.stages.Wire
	if len(b) == 0 {
		return true
	}
	if len(y.rest) == 0 {
		n, err := l.writeSocket(c, b)
		if err != nil {
			return false
		}
		if b = b[n:]; len(b) == 0 {
			return true
		}
	} else if len(y.rest)+len(b) > maxRest {
		c.lst.refuse(refusedBacklog)
		l.hangUp(c)
		return false
	}
	y.rest = append(y.rest, b...)
	if !c.has(blocked) {
		c.flags |= blocked
		c.nc.WaitWritable()
	}
	return true
}

// writeSocket writes bytes that are counted as traffic; an error has ended the connection.
func (l *loop) writeSocket(c *conn, b []byte) (n int, err error) {
	l.count.writes.add(1)
	n, err = c.nc.Write(b)
	l.count.bytesOut.add(uint64(n))
	if err != nil {
		l.writeFailed(c, err)
	}
	return n, err
}

// flushLayers is flush for a connection with stages: packets are put together, sealed as one piece and written. A sealed
// piece cannot be sealed again, so what the socket does not take of it is kept, and nothing more is sealed before it is
// gone.
func (l *loop) flushLayers(c *conn, y *layers) {
	for {
		if len(y.rest) > 0 {
			n, err := l.writeSocket(c, y.rest)
			if err != nil {
				return
			}
			if n < len(y.rest) {
				y.rest = y.rest[:copy(y.rest, y.rest[n:])]
				c.flags |= blocked
				c.nc.WaitWritable()
				return
			}
			y.rest = nil
		}
		if len(c.out) == 0 {
			break
		}
		if !y.Open() || y.ended {
			if c.state == draining { // there is no way to say it
				l.dropOut(c)
				break
			}
			return
		}
		p := l.gather(c)
		if err := y.Seal(p); err != nil {
			l.stages.Reset()
			l.log.Debug("seal", "client", c.clientID(), "remote", c.remote(), "err", err)
			l.hangUp(c)
			return
		}
		l.advance(c, len(p))
		if !l.writeWire(c, y) {
			return
		}
	}
	if c.out != nil {
		l.giveOut(c)
	}
	l.drained(c)
}

// gather puts the front of the queue together, at most so much as one piece is sealed of.
func (l *loop) gather(c *conn) []byte {
	p, skip := l.scratch[:0], int(c.outOff)
	for i := range c.out {
		o := &c.out[i]
		start := len(p)
		p = o.appendTo(p, c.version)
		if n := min(skip, len(p)-start); n > 0 { // of the first packet a part is out already
			p = append(p[:start], p[start+n:]...)
			skip -= n
		}
		if o.frame != nil {
			tail := o.frame.Tail()[skip:]
			p = append(p, tail[:min(len(tail), max(scratchSize-len(p), 0))]...)
		}
		skip = 0
		if len(p) >= scratchSize {
			break
		}
	}
	if l.scratch = p[:0]; cap(p) > 4*scratchSize {
		l.scratch = make([]byte, 0, scratchSize)
	}
	return p
}

// sayEnd ends our side of the stages in order; false while that is not written.
func (l *loop) sayEnd(c *conn, y *layers) bool {
	if !y.ended {
		y.ended = true
		y.End(closeCode(c.reason))
		if !l.writeWire(c, y) {
			return false
		}
	}
	return len(y.rest) == 0
}

// closeCode is how a WebSocket says why a connection ended.
func closeCode(reason mqtt.Reason) uint16 {
	switch {
	case reason < 0x80:
		return 1000 // normal closure
	case reason == mqtt.MalformedPacket, reason == mqtt.ProtocolError:
		return 1002
	case reason == mqtt.ServerShuttingDown, reason == mqtt.UseAnotherServer, reason == mqtt.ServerMoved:
		return 1001 // going away
	case reason == mqtt.PacketTooLarge:
		return 1009
	}
	return 1008 // policy violation
}
