package crash

import "github.com/penstock-mqtt/penstock/codec/mqtt"

// mayfly begins sessions and ends them, and looks whether they are there and are not.
type mayfly struct {
	device
	asked, ended int64 // between these the last session's end was acknowledged; 0: never
}

func (m *mayfly) run() {
	if m.v == mqtt.V31 {
		m.v = mqtt.V311 // 3.1 does not say whether there is a session
	}
	for !m.f.over.Load() && !m.f.last.Load() {
		m.live()
		nap(m.rng, 20)
	}
	m.hangUp()
}

// live is one session from its beginning to its end. A connection that is lost on the way leaves open how far it came.
func (m *mayfly) live() {
	m.s = m.f.Ledger.session(m.id, nil, nil)
	present, ok := m.connect(m.hello())
	if !ok {
		return
	}
	if m.try == 1 && m.ended != 0 {
		m.f.Ledger.absent(m.id, present, m.asked, m.ended)
	}
	m.ended = 0
	own := "c/" + m.id
	if m.rng.IntN(2) == 0 {
		m.settle(m.f.Ledger.subscribe(m.s, own, 1), own, func(any) {})
	}
	m.leave()
	nap(m.rng, 20)
	if _, ok := m.resume(m.hello()); !ok {
		return
	}
	m.leave()
	end := m.hello()
	end.CleanStart = true
	end.Props = mqtt.Properties{}
	m.f.Ledger.ending(m.s)
	m.asked = m.f.Ledger.Now()
	if present, ok = m.connect(end); !ok {
		return
	}
	if present {
		m.f.Ledger.Fault(Risen, "%s began anew and the session is there", m.id)
	}
	m.ended = m.f.Ledger.Now()
	m.leave()
}
