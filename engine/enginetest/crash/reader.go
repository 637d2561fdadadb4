package crash

import (
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// reader looks at what is retained, with a new session each time.
type reader struct{ device }

func (r *reader) run() {
	topics := append([]string{}, commonTopics...)
	for _, p := range r.f.pubs {
		topics = append(topics, ownTopic(p.source))
	}
	for !r.f.over.Load() && !r.f.last.Load() {
		r.look(pick(r.rng, topics))
		nap(r.rng, 20)
	}
	for _, topic := range topics { // when nobody writes any more
		for !r.f.over.Load() && !r.look(topic) {
			nap(r.rng, 20)
		}
	}
	r.hangUp()
}

// look reads a topic; false: the connection was lost.
func (r *reader) look(topic string) bool {
	hello := r.hello()
	hello.CleanStart, hello.Props = true, mqtt.Properties{}
	if _, ok := r.connect(hello); !ok {
		return false
	}
	defer r.hangUp()
	at, found := r.f.Ledger.read(topic), false
	take := func(packet any) {
		p, ok := packet.(*mqtt.Publish)
		if !ok || !p.Retain {
			return
		}
		if p.QoS == 1 {
			r.send(mqtt.AppendAck(nil, mqtt.PUBACK, p.ID, mqtt.Success, r.v))
		}
		k, intact := told(p.Payload)
		r.f.Ledger.found(at, k, intact)
		found = true
	}
	p := mqtt.Subscribe{ID: 1, Filters: []mqtt.Subscription{{Filter: []byte(topic), Options: byte(r.rng.IntN(2))}}}
	r.send(p.AppendTo(nil, r.v, 0))
	if !r.ping(take) {
		return found
	}
	for end := time.Now().Add(r.f.plan.Patience); !found && !r.f.Ledger.mayBeNone(at); {
		if time.Now().After(end) {
			r.f.Ledger.Fault(Lost, "nothing is retained on %q at %d", topic, at.at)
			return true
		}
		if !r.receive(time.Now(), take) {
			return found
		}
	}
	return true
}
