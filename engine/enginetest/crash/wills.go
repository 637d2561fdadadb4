package crash

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// wills are clients that leave a message behind: brief ones who never come back, and loyal ones who always do, long before
// their will is due.
type wills struct {
	f   *Fleet
	rng *rand.Rand
	mu  sync.Mutex // one step at a time

	briefs int
	loyal  []*testator
	mortal [2]*testator // whose sessions end in time
}

// testator is a client with a will.
type testator struct {
	device
	source int
	delay  uint32 // Will Delay Interval
	expiry uint32 // Session Expiry Interval
	will   *Will  // of the last CONNECT
	solid  *Will  // the newest that is known to be in the broker's log
}

// loyalty is the Will Delay Interval of those who come back, in seconds: longer than any test.
const loyalty = 3000

func newWills(f *Fleet) *wills {
	w := &wills{f: f, rng: rand.New(rand.NewPCG(f.plan.Seed, 1))}
	for i := range 3 {
		w.loyal = append(w.loyal, w.testator(fmt.Sprint("loyal", i), loyalty, lifetime))
	}
	for i := range w.mortal {
		w.mortal[i] = w.testator(fmt.Sprint("mortal", i), 2*loyalty, loyalty)
	}
	return w
}

func (w *wills) testator(id string, delay, expiry uint32) *testator {
	t := &testator{device: w.f.device(id), delay: delay, expiry: expiry}
	t.v = mqtt.V5
	t.source = w.f.Ledger.publisher(id)
	return t
}

func (w *wills) run() {
	for i := range w.mortal {
		w.step(func() { w.mortal[i].assure(false); w.mortal[i].hangUp() })
	}
	for !w.f.last.Load() && !w.f.over.Load() {
		w.step(func() {
			if t := pick(w.rng, w.loyal); w.f.quiet.Load() {
				return
			} else if w.rng.IntN(3) > 0 {
				w.visit(t)
			} else {
				w.brief()
			}
		})
		nap(w.rng, 30)
	}
	for _, t := range w.loyal {
		t.hangUp()
	}
}

func (w *wills) step(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
}

// visit has a loyal client come back, or go.
func (w *wills) visit(t *testator) {
	if t.c == nil || w.rng.IntN(2) == 0 {
		t.assure(false)
		return
	}
	t.c.Cut()
	t.hangUp()
}

// brief is a client that comes, and goes for good.
func (w *wills) brief() {
	w.briefs++
	t := w.testator(fmt.Sprint("brief", w.briefs), uint32(w.briefs%2), lifetime)
	if w.briefs%3 == 0 {
		t.v, t.delay = mqtt.V311, 0
	}
	t.s = w.f.Ledger.session(t.id, nil, nil)
	if !t.come(true) {
		return
	}
	if t.solid != nil {
		w.f.Ledger.due(t.solid)
	}
	nap(t.rng, 20)
	if t.c != nil {
		t.c.Cut()
		t.hangUp()
	}
}

// come connects with a new will and makes sure that the broker's log has it; false: the connection was lost before.
func (t *testator) come(may bool) bool {
	m := &message{key: key{source: t.source}, topic: "w/" + t.id, qos: 2, size: t.rng.IntN(200)}
	t.will = t.f.Ledger.will(m, t.id, may)
	hello := t.hello()
	hello.HasWill, hello.Will = true, mqtt.Will{Topic: []byte(m.topic), Payload: m.payload(), QoS: m.qos}
	if t.v == mqtt.V5 {
		hello.Props.SessionExpiry = t.expiry
		hello.Will.Props.Set(mqtt.PropWillDelay)
		hello.Will.Props.WillDelay = t.delay
	}
	if _, ok := t.resume(hello); !ok {
		return false
	}
	own := "c/" + t.id
	sub := t.f.Ledger.subscribe(t.s, own, 1)
	if !t.settle(sub, own, func(any) {}) {
		t.hangUp()
		return false
	}
	t.solid = t.will
	t.f.Ledger.willed(t.solid, sub)
	return true
}

// assure comes, as often as it takes.
func (t *testator) assure(may bool) {
	for !t.f.over.Load() && !t.come(may) {
		nap(t.rng, 10)
	}
}

// Pass lets so much time go by that the wills of those who are away are due and the sessions of mortals over; forward puts
// the broker's clock ahead, when it knows of those who are away. Those who are there stay. It follows Drain.
func (f *Fleet) Pass(forward func(d time.Duration, away []string)) {
	w := f.wills
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mortal[0].s == nil || w.mortal[1].s == nil {
		return // the fleet was too short
	}
	w.mortal[0].assure(false) // which complains unless the session is there
	away := []string{w.mortal[1].id}
	for i, t := range w.loyal {
		t.assure(false)
		if i > 0 {
			away = append(away, t.id)
			f.Ledger.due(t.solid)
			t.c.Cut()
			t.hangUp()
		}
	}
	f.Ledger.due(w.mortal[1].solid) // it goes with the session
	forward((loyalty+10)*time.Second, away)
	var missing []string
	if !f.await(func() bool { missing = f.Ledger.missing(); return len(missing) == 0 }) {
		for _, text := range missing {
			f.Ledger.Fault(Willed, "%s", text)
		}
	}
	ended := f.Ledger.Now()
	t := w.mortal[1]
	f.Ledger.ending(t.s)
	if present, ok := t.connect(t.hello()); ok && t.try == 1 {
		f.Ledger.absent(t.id, present, ended, ended)
	}
	t.hangUp()
	w.mortal[0].hangUp()
}
