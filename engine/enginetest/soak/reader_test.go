package soak

import (
	"math/rand/v2"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
)

// reader is the receiving half of a client: what comes has to be a packet of a broker, and is acknowledged or not.
type reader struct {
	s     *storm
	c     *rig.Conn
	rng   *rand.Rand
	quit  chan struct{} // the client is done
	ended chan struct{} // the connection is

	welcome chan struct{} // a CONNACK came

	deaf            bool // reads nothing at all
	slow            int  // of a hundred packets so many are pondered
	lost, twice, no int  // of a hundred acknowledgements so many are not sent, sent twice, say no
}

// manners decides what kind of reader it is.
func (r *reader) manners(rng *rand.Rand) {
	r.deaf = rng.IntN(15) == 0
	if rng.IntN(5) == 0 {
		r.slow = 10
	}
	if rng.IntN(3) == 0 {
		r.lost = rng.IntN(101)
	}
	if rng.IntN(4) == 0 {
		r.twice, r.no = 30, 10
	}
}

func (r *reader) run() {
	defer close(r.ended)
	if r.deaf {
		<-r.quit
		return
	}
	for {
		h, body, err := r.c.Next(50 * time.Millisecond)
		switch {
		case err == nil:
			r.packet(h, body)
		case isTimeout(err):
		case rig.Ended(err) || isClosed(err):
			return
		default:
			r.s.t.Errorf("read: %v", err)
			return
		}
		select {
		case <-r.quit:
			return
		default:
		}
		if r.rng.IntN(100) < r.slow {
			nap(r.rng, 20)
		}
	}
}

func (r *reader) packet(h mqtt.Header, body []byte) {
	got, err := r.c.Decode(h, body)
	if err != nil {
		r.s.t.Errorf("the broker sent what a client of %v refuses: %v: % X", r.c.V, err, body[:min(len(body), 100)])
		return
	}
	switch p := got.(type) {
	case *mqtt.Auth:
		if p.Reason == mqtt.ContinueAuthentication && r.rng.IntN(20) > 0 {
			_, _ = r.c.Write(authPacket(mqtt.ContinueAuthentication))
		}
	case *mqtt.Connack:
		close(r.welcome)
	case *mqtt.Publish:
		r.s.intact(p.Topic, p.Payload)
		if p.QoS == 1 {
			r.answer(mqtt.PUBACK, p.ID)
		} else if p.QoS == 2 {
			r.answer(mqtt.PUBREC, p.ID)
		}
	case *mqtt.Ack:
		if p.Type == mqtt.PUBREL {
			r.answer(mqtt.PUBCOMP, p.ID)
		} else if p.Type == mqtt.PUBREC && r.rng.IntN(2) == 0 {
			r.answer(mqtt.PUBREL, p.ID)
		}
	}
}

func (r *reader) answer(t mqtt.Type, id uint16) {
	if r.rng.IntN(100) < r.lost {
		return
	}
	reason := mqtt.Success
	if r.rng.IntN(100) < r.no && (t == mqtt.PUBACK || t == mqtt.PUBREC) {
		reason = mqtt.ImplementationSpecificError
	}
	b := mqtt.AppendAck(nil, t, id, reason, r.c.V)
	if r.rng.IntN(100) < r.twice {
		b = mqtt.AppendAck(b, t, id, reason, r.c.V)
	}
	_, _ = r.c.Write(b) // that the connection has ended is for Next to tell
}
