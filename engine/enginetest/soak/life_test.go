package soak

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
)

// What the clients talk about: few topics, so that they meet, and filters that overlap.
var (
	topics = []string{
		"s", "s/a", "s/b", "s/a/x", "s/a/y", "s/b/x", "s/a/x/1", "s/a/x/2", "s//x", "/s", "t", "t/a", "t/b", "t/a/x",
		"u/1", "u/2", "u/3", "u/4",
	}
	filters = []string{
		"#", "s/#", "s/+", "s/+/x", "s/a/x", "s/a/#", "+/a", "+/+/x", "t/#", "u/1", "u/2", "u/+", "/#", "none/+/here",
		"$share/g/s/#", "$share/g/s/a/x", "$share/h/s/#", "$share/h/u/+", "$share/i/t/a", "$share/g/#",
	}
)

const plainFilters = 14

// clientID is one of a few that everybody wants, one of many, or of nobody else.
func clientID(rng *rand.Rand) string {
	switch n := rng.IntN(10); {
	case n < 4:
		return fmt.Sprint("hot", rng.IntN(6))
	case n < 9:
		return fmt.Sprint("warm", rng.IntN(60))
	}
	return fmt.Sprint("cold", rng.Uint64())
}

// client is one connection of the storm.
type client struct {
	s       *storm
	rng     *rand.Rand
	c       *rig.Conn
	r       reader
	ended   chan struct{} // the reader has seen the end
	id      uint16
	stepped bool     // it authenticates in steps
	open    []uint16 // QoS 2 messages of our own that are not finished
}

// life is a connection from its beginning to one of its ends.
func (s *storm) life(rng *rand.Rand) {
	c, err := rig.Dial(pick(rng, s.addrs), pick(rng, []mqtt.Version{mqtt.V31, mqtt.V311, mqtt.V5}))
	if err != nil {
		if !s.stopping.Load() {
			s.t.Errorf("dial: %v", err)
		}
		nap(rng, 10)
		return
	}
	s.lives.Add(1)
	k := &client{s: s, rng: rng, c: c, ended: make(chan struct{})}
	k.r = reader{s: s, c: c, rng: rand.New(rand.NewPCG(rng.Uint64(), 0)), quit: make(chan struct{}), ended: k.ended, welcome: make(chan struct{})}
	k.r.manners(rng)
	if rng.IntN(40) == 0 {
		k.die(rng.IntN(4)) // without a CONNECT
		return
	}
	hello := k.connect()
	if rng.IntN(3) == 0 {
		hello = k.subscribe(k.publish(hello)) // not waiting for the CONNACK
	}
	k.send(hello)
	if rng.IntN(20) == 0 {
		k.die(rng.IntN(4)) // before the CONNACK
		return
	}
	go k.r.run()
	if rng.IntN(5) > 0 {
		select {
		case <-k.r.welcome:
		case <-k.ended:
		case <-time.After(300 * time.Millisecond):
		}
	}
	for range rng.IntN(12) {
		if !k.step() {
			break
		}
	}
	k.die(rng.IntN(8))
}

// connect is a CONNECT of any kind.
func (k *client) connect() []byte {
	rng := k.rng
	p := mqtt.Connect{Version: k.c.V, CleanStart: rng.IntN(2) == 0, ClientID: []byte(clientID(rng)), KeepAlive: uint16(rng.IntN(3) * 30)}
	if k.c.V != mqtt.V31 && rng.IntN(12) == 0 {
		p.ClientID, p.CleanStart = nil, true
	}
	if rng.IntN(3) == 0 {
		p.HasWill = true
		p.Will = mqtt.Will{Topic: []byte(pick(rng, topics)), Payload: payload(rng), QoS: byte(rng.IntN(3)), Retain: rng.IntN(4) == 0}
	}
	if p.HasUsername = rng.IntN(4) == 0; p.HasUsername {
		p.Username = []byte("u")
	}
	if k.c.V != mqtt.V5 {
		return p.AppendTo(nil)
	}
	set := func(props *mqtt.Properties, id mqtt.PropID, field *uint32, v uint32) {
		props.Set(id)
		*field = v
	}
	if rng.IntN(3) > 0 {
		set(&p.Props, mqtt.PropSessionExpiry, &p.Props.SessionExpiry, pick(rng, []uint32{0, 1, 100, 1<<32 - 1}))
	}
	if p.HasWill && rng.IntN(2) == 0 {
		set(&p.Will.Props, mqtt.PropWillDelay, &p.Will.Props.WillDelay, pick(rng, []uint32{0, 1, 50, 1<<32 - 1}))
		set(&p.Will.Props, mqtt.PropMessageExpiry, &p.Will.Props.MessageExpiry, pick(rng, []uint32{0, 1, 50}))
	}
	if rng.IntN(3) == 0 {
		p.Props.Set(mqtt.PropReceiveMaximum)
		p.Props.ReceiveMaximum = pick(rng, []uint16{1, 2, 10})
	}
	if rng.IntN(3) == 0 {
		p.Props.Set(mqtt.PropTopicAliasMaximum)
		p.Props.TopicAliasMaximum = pick(rng, []uint16{1, 5, 100})
	}
	if k.stepped = rng.IntN(6) == 0; k.stepped {
		p.Props.Set(mqtt.PropAuthMethod)
		p.Props.AuthMethod = []byte(method)
	}
	if rng.IntN(8) == 0 {
		set(&p.Props, mqtt.PropMaximumPacketSize, &p.Props.MaximumPacketSize, pick(rng, []uint32{1, 20, 60, 150}))
	}
	return p.AppendTo(nil)
}

// step does one thing; false when the connection is over.
func (k *client) step() bool {
	select {
	case <-k.ended:
		return false
	default:
	}
	nap(k.rng, 5)
	switch k.rng.IntN(10) {
	case 9:
		if k.stepped {
			return k.send(authPacket(mqtt.ReAuthenticate))
		}
		fallthrough
	case 0, 1, 2, 3:
		var b []byte
		for range 1 + k.rng.IntN(4) {
			b = k.publish(b)
		}
		return k.send(b)
	case 4, 5:
		return k.send(k.subscribe(nil))
	case 6:
		k.id++
		p := mqtt.Unsubscribe{ID: k.id, Filters: [][]byte{[]byte(pick(k.rng, filters)), []byte(pick(k.rng, filters))}}
		return k.send(p.AppendTo(nil, k.c.V, 0))
	case 7:
		return k.send(append(mqtt.AppendPingreq(nil), mqtt.AppendAck(nil, mqtt.PUBREL, uint16(1+k.rng.IntN(9)), 0, k.c.V)...))
	default:
		var b []byte
		for _, id := range k.open {
			b = mqtt.AppendAck(b, mqtt.PUBREL, id, 0, k.c.V)
		}
		k.open = k.open[:0]
		return k.send(b)
	}
}

// publish appends a PUBLISH, sometimes twice.
func (k *client) publish(b []byte) []byte {
	rng := k.rng
	p := mqtt.Publish{Topic: []byte(pick(rng, topics)), QoS: byte(rng.IntN(3)), Retain: rng.IntN(8) == 0, Payload: payload(rng)}
	if p.Retain && rng.IntN(3) == 0 {
		p.Payload = nil
	}
	if p.QoS > 0 {
		k.id++
		p.ID = k.id
	}
	if p.QoS == 2 {
		k.open = append(k.open, p.ID)
	}
	if k.c.V == mqtt.V5 {
		if rng.IntN(4) == 0 {
			p.Props.Set(mqtt.PropMessageExpiry)
			p.Props.MessageExpiry = pick(rng, []uint32{0, 1, 1000})
		}
		if rng.IntN(4) == 0 {
			p.Props.User = append(p.Props.User, mqtt.UserProperty{Name: []byte("n"), Value: []byte("v")})
		}
		if rng.IntN(4) == 0 {
			p.Props.Set(mqtt.PropTopicAlias)
			p.Props.TopicAlias = uint16(1 + rng.IntN(4))
		}
	}
	b = p.AppendTo(b, k.c.V)
	if p.QoS > 0 && rng.IntN(8) == 0 {
		p.Dup = true
		b = p.AppendTo(b, k.c.V)
	}
	return b
}

func (k *client) subscribe(b []byte) []byte {
	rng := k.rng
	k.id++
	p := mqtt.Subscribe{ID: k.id}
	for range 1 + rng.IntN(3) {
		f := mqtt.Subscription{Filter: []byte(pick(rng, filters)), Options: byte(rng.IntN(3))}
		if k.c.V == mqtt.V5 {
			f.Options |= byte(rng.IntN(2))<<3 | byte(rng.IntN(3))<<4
			if f.Filter[0] != '$' {
				f.Options |= byte(rng.IntN(2)) << 2
			}
		}
		p.Filters = append(p.Filters, f)
	}
	if k.c.V == mqtt.V5 && rng.IntN(2) == 0 {
		p.Props.SubscriptionIDs = append(p.Props.SubscriptionIDs, uint32(1+rng.IntN(200)))
	}
	return p.AppendTo(b, k.c.V, 0)
}

// send writes; false when the connection does not take it.
func (k *client) send(b []byte) bool {
	_ = k.c.SetWriteDeadline(time.Now().Add(300 * time.Millisecond)) // the broker may not read from one that does not read
	_, err := k.c.Write(b)
	return err == nil
}

// die ends the connection in one of many ways.
func (k *client) die(how int) {
	close(k.r.quit)
	switch how {
	case 0:
		_ = k.c.Close()
	case 1:
		k.c.Cut()
	case 2: // half-open: forgotten
		k.s.mu.Lock()
		defer k.s.mu.Unlock()
		if len(k.s.zombies) < 400 && !k.s.stopping.Load() {
			k.s.zombies = append(k.s.zombies, k.c)
			return
		}
		_ = k.c.Close()
	case 3: // half-closed, then closed
		_ = k.c.CloseWrite()
		nap(k.rng, 2)
		_ = k.c.Close()
	case 4: // with the will
		k.send((&mqtt.Disconnect{Reason: mqtt.DisconnectWithWillMessage}).AppendTo(nil, k.c.V, 0))
		_ = k.c.Close()
	case 5: // nonsense, and a packet half sent
		k.send([]byte{byte(k.rng.Uint32()), byte(k.rng.Uint32()), byte(k.rng.Uint32())})
		_ = k.c.Close()
	default:
		k.send([]byte{byte(mqtt.DISCONNECT) << 4, 0})
		_ = k.c.Close()
	}
}
