package crash

import (
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
)

// device is a client that keeps its session over its connections.
type device struct {
	f   *Fleet
	id  string
	v   mqtt.Version
	rng *rand.Rand
	c   *rig.Conn // nil: none
	s   *Session  // nil: it has none
	try int       // connections that the last CONNECT took
	sub uint16    // last packet identifier of a SUBSCRIBE or UNSUBSCRIBE; those of PUBLISH are lower
}

// lifetime is the Session Expiry Interval of sessions, in seconds.
const lifetime = 100_000

// subscribing is where packet identifiers of SUBSCRIBE and UNSUBSCRIBE begin.
const subscribing = 60_000

// hello is a CONNECT for the device's session.
func (d *device) hello() *mqtt.Connect {
	p := &mqtt.Connect{ClientID: []byte(d.id), HasUsername: true, Username: []byte(username(d.id))}
	if d.v == mqtt.V5 {
		p.Props.Set(mqtt.PropSessionExpiry)
		p.Props.SessionExpiry = lifetime
		if d.rng.IntN(2) == 0 {
			p.Props.Set(mqtt.PropReceiveMaximum)
			p.Props.ReceiveMaximum = uint16(1 + d.rng.IntN(30))
		}
	}
	return p
}

// connect dials until a broker has accepted the CONNECT; false: the fleet has come to its end.
func (d *device) connect(p *mqtt.Connect) (present, ok bool) {
	for d.try = 1; !d.f.over.Load(); d.try++ {
		c, err := rig.Dial(d.f.addr(), d.v)
		if err == nil {
			old := d.c
			d.c = c
			d.f.join(c)
			ack, err := c.Connect(p)
			if old != nil {
				d.f.leave(old)
			}
			switch {
			case err == nil && ack.Reason == mqtt.Success:
				d.f.Ledger.connected()
				return ack.SessionPresent, true
			case err == nil && ack.Reason != mqtt.ServerUnavailable && ack.Reason != mqtt.ServerShuttingDown:
				d.f.Ledger.Fault(Spoken, "%s: CONNACK %v", d.id, ack.Reason)
			case err == nil:
				d.f.turnedAway.Add(1)
			case !d.lost(err):
				d.f.Ledger.Fault(Spoken, "%s: connect: %v", d.id, err)
			}
			d.hangUp()
		}
		nap(d.rng, 20)
	}
	return false, false
}

// resume brings the session to a new connection, or begins it.
func (d *device) resume(p *mqtt.Connect) (present, ok bool) {
	if d.s == nil {
		d.s = d.f.Ledger.session(d.id, nil, nil)
	}
	if present, ok = d.connect(p); !ok {
		return false, false
	}
	if d.v != mqtt.V31 && !p.CleanStart {
		d.f.Ledger.present(d.s, present)
	}
	return present || d.v == mqtt.V31, true // which does not say
}

// lost tells whether an error is the end of the connection.
func (d *device) lost(err error) bool {
	return rig.Ended(err) || errors.Is(err, net.ErrClosed)
}

// leave ends the connection in one of several ways; after one of them it is there until the next one takes its place.
func (d *device) leave() {
	switch d.rng.IntN(5) {
	case 0:
		d.hangUp()
	case 1:
		d.c.Cut()
		d.hangUp()
	case 2:
		d.send([]byte{byte(mqtt.DISCONNECT) << 4, 0})
		d.hangUp()
	}
}

// hangUp closes the connection.
func (d *device) hangUp() {
	if d.c != nil {
		d.f.leave(d.c)
		d.c = nil
	}
}

func (d *device) send(b []byte) {
	if len(b) > 0 {
		_ = d.c.SetWriteDeadline(time.Now().Add(rig.Patience))
		_, _ = d.c.Write(b) // that it is closed is for the next read to tell
	}
}

// receive takes packets until the connection ends or its time is over.
func (d *device) receive(until time.Time, take func(packet any)) (open bool) {
	for first := true; first || time.Now().Before(until); first = false {
		h, body, err := d.c.Next(5 * time.Millisecond)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return true
		case err != nil && d.lost(err):
			return false
		case err != nil:
			d.f.Ledger.Fault(Spoken, "%s: %v", d.id, err)
			return false
		}
		got, err := d.c.Decode(h, body)
		if err != nil {
			d.f.Ledger.Fault(Spoken, "%s: %v: % .100X", d.id, err, body)
			return false
		}
		if h.Type == mqtt.DISCONNECT {
			d.f.sentAway(got.(*mqtt.Disconnect).Reason)
			d.f.leave(d.c)
			return false
		}
		if got == nil {
			got = pong{}
		}
		if !d.f.hear(d.c, func() { take(got) }) {
			return false
		}
	}
	return true
}

// pong is a PINGRESP.
type pong struct{}

// ping waits for all that the broker says before it answers; false: the connection ended before.
func (d *device) ping(take func(packet any)) (answered bool) {
	d.send(mqtt.AppendPingreq(nil))
	for end := time.Now().Add(rig.Patience); !answered; {
		if time.Now().After(end) {
			d.f.Ledger.Fault(Stuck, "%s waits for a PINGRESP", d.id)
			return false
		}
		if open := d.receive(time.Now(), func(packet any) {
			if _, ok := packet.(pong); ok {
				answered = true
			} else {
				take(packet)
			}
		}); !open {
			return false
		}
	}
	return true
}

// next is a packet identifier for a SUBSCRIBE or UNSUBSCRIBE.
func (d *device) next() uint16 {
	if d.sub = max(d.sub+1, subscribing); d.sub == 65535 {
		d.sub = subscribing
	}
	return d.sub
}

// settle subscribes and waits for the SUBACK, which says that the session is in the broker's log; false: the
// connection ended before. What else comes is taken.
func (d *device) settle(sub *Sub, filter string, take func(packet any)) bool {
	p := mqtt.Subscribe{ID: d.next(), Filters: []mqtt.Subscription{{Filter: []byte(filter), Options: sub.qos}}}
	d.send(p.AppendTo(nil, d.v, 0))
	granted, refused := false, false
	end := time.Now().Add(rig.Patience)
	for open := true; open && !granted && !refused; {
		if time.Now().After(end) {
			d.f.Ledger.Fault(Stuck, "%s waits for a SUBACK", d.id)
			return false
		}
		open = d.receive(time.Now(), func(packet any) {
			if a, ok := packet.(*mqtt.Suback); !ok {
				take(packet)
			} else if granted = a.ID == p.ID && a.Codes[0] == mqtt.Reason(sub.qos); granted {
				d.f.Ledger.granted(d.s, sub)
			} else if refused = a.Codes[0].Failed() && d.f.Ledger.mayRefuse(); !refused {
				d.f.Ledger.Fault(Spoken, "%s: SUBACK %d %v, want %d and QoS %d", d.id, a.ID, a.Codes, p.ID, sub.qos)
			}
		})
	}
	return granted
}

func nap(rng *rand.Rand, ms int) { time.Sleep(time.Duration(rng.IntN(ms*1000)) * time.Microsecond) }

func pick[T any](rng *rand.Rand, list []T) T { return list[rng.IntN(len(list))] }
