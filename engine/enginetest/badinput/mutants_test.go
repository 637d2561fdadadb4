package badinput

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/auth"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
)

// attack is one stream on one connection.
type attack struct {
	st   state
	v    mqtt.Version
	what string
	wire []byte
}

func TestEveryMalformedPacketClosesItsConnectionAndNoOther(t *testing.T) {
	doors := &doors{}
	b := rig.Start(t, rig.Config(2), engine.Parts{Authenticator: doors})
	n := settle(t, b)
	w := &wave{t: t, b: b, doors: doors, told: map[mqtt.Reason]uint64{}}
	attacks := make(chan attack)
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			for a := range attacks {
				w.run(a)
			}
		})
	}
	w.all(func(a attack) { attacks <- a })
	close(attacks)
	wg.Wait()
	n.leave()
	w.compare()
	b.Forward(time.Hour)
	b.Empty(b.Inventory().Retained)
}

// wave is all attacks on one broker.
type wave struct {
	t     *testing.T
	b     *rig.Broker
	doors *doors
	n     atomic.Int64

	mu      sync.Mutex
	told    map[mqtt.Reason]uint64 // connections that have to be counted as ended for it
	unknown uint64                 // that were ended, nobody said why
	perhaps uint64                 // that nobody looked at to the end
}

// all makes the attacks: all mutants in the two states that differ for most of them, some in the others.
func (w *wave) all(try func(attack)) {
	few := uint32(1)
	if rig.Race && os.Getenv("PENSTOCK_SOAK") == "" {
		few = 10
	}
	sometimes := func(n uint32, a attack) {
		if rand.Uint32N(n) == 0 {
			try(a)
		}
	}
	for _, v := range []mqtt.Version{mqtt.V31, mqtt.V311, mqtt.V5} {
		states := []state{fresh, accepted, deciding}
		if v == mqtt.V5 {
			states = append(states, exchanging)
		}
		for _, st := range states {
			for _, s := range append(samples(v), crooked...) {
				try(attack{st, v, s.name, s.wire})
			}
		}
		mutants(helloPacket(v, "mutant"), func(what string, wire []byte) {
			sometimes(few, attack{fresh, v, fmt.Sprintf("%v/CONNECT, %s", v, what), wire})
		})
		for _, s := range samples(v) {
			mutants(s.wire, func(what string, wire []byte) {
				sometimes(few, attack{accepted, v, s.name + ", " + what, wire})
				sometimes(8*few, attack{deciding, v, s.name + ", " + what, wire})
				sometimes(20*few, attack{fresh, v, s.name + ", " + what, wire})
				if v == mqtt.V5 {
					sometimes(8*few, attack{exchanging, v, s.name + ", " + what, wire})
				}
			})
		}
	}
}

// run makes one attack and looks at what the broker does.
func (w *wave) run(a attack) {
	c, err := rig.Dial(w.b.Addr, a.v)
	if err != nil {
		w.t.Errorf("dial: %v", err)
		return
	}
	defer c.Cut()
	id := fmt.Sprint("attacker", w.n.Add(1))
	stream := append(append([]byte(nil), a.wire...), mqtt.AppendPingreq(nil)...)
	want := judge(a.st, a.v, stream, int(engine.DefaultConfig().Limits.MaximumPacketSize))
	if err := w.enter(c, a, id, stream); err != nil {
		w.t.Errorf("%v, %s: %v", a.st, a.what, err)
		return
	}
	if want.waits && !want.end { // the broker waits for the rest, which does not come
		if !want.sure { // or has objected to what came before
			w.mu.Lock()
			w.perhaps++
			w.mu.Unlock()
		}
		return
	}
	if want.v != 0 {
		c.V = want.v // the form of the answer
	}
	code, said, closed, err := listen(c, a.st == exchanging, want.end)
	if err != nil {
		w.t.Errorf("%v, %s: % X: %v", a.st, a.what, stream, err)
		return
	}
	w.note(a, want, stream, code, said, closed)
}

// enter brings a connection into its state and sends the stream.
func (w *wave) enter(c *rig.Conn, a attack, id string, stream []byte) error {
	p := &mqtt.Connect{Version: a.v, ClientID: []byte(id), CleanStart: true}
	switch a.st {
	case fresh:
	case accepted:
		if ack, err := c.Connect(p); err != nil || ack.Reason != mqtt.Success {
			return fmt.Errorf("connect: %v, %w", ack.Reason, err)
		}
	case deciding:
		open := w.doors.hold(id)
		defer open()
		p.HasUsername, p.Username = true, []byte("wait")
		if _, err := c.Write(p.AppendTo(nil)); err != nil {
			return err
		}
	case exchanging:
		p.Props.AuthMethod = []byte(method)
		p.Props.Set(mqtt.PropAuthMethod)
		if _, err := c.Write(p.AppendTo(nil)); err != nil {
			return err
		}
		if h, _, err := c.Next(rig.Patience); err != nil || h.Type != mqtt.AUTH {
			return fmt.Errorf("got %v, %w, want AUTH", h.Type, err)
		}
	}
	_, err := c.Write(stream)
	if rig.Ended(err) {
		err = nil // for listen to find out
	}
	return err
}

// listen reads what the broker says until it closes the connection or, if that need not be, answers the PINGREQ.
func listen(c *rig.Conn, exchange, toTheEnd bool) (code mqtt.Reason, said, closed bool, err error) {
	for {
		h, body, err := c.Next(rig.Patience)
		if rig.Ended(err) {
			return code, said, true, nil
		}
		if err != nil {
			return 0, false, false, err
		}
		if said {
			return 0, false, false, fmt.Errorf("%v behind the reason for the end", h.Type)
		}
		got, err := c.Decode(h, body)
		if err != nil {
			return 0, false, false, fmt.Errorf("the broker's %v % X: %w", h.Type, body, err)
		}
		switch p := got.(type) {
		case nil:
			if !toTheEnd { // PINGRESP
				return 0, false, false, nil
			}
		case *mqtt.Disconnect:
			code, said = p.Reason, true
		case *mqtt.Connack:
			if p.Reason != mqtt.Success {
				code, said = p.Reason, true
			} else if exchange && !toTheEnd {
				return 0, false, false, nil // it did not fail
			}
		}
	}
}

// note compares what happened with what has to.
func (w *wave) note(a attack, want verdict, stream []byte, code mqtt.Reason, said, closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fail := func(format string, args ...any) {
		w.t.Errorf("%v, %s: % X: %s", a.st, a.what, stream, fmt.Sprintf(format, args...))
	}
	switch {
	case want.end && !closed:
		fail("the connection is open, want it closed for %v", want.reason)
	case want.end && want.sure:
		w.told[want.reason]++
		speaks := want.v == mqtt.V5
		if a.st == fresh && want.v != 0 && want.v < mqtt.V5 {
			_, speaks = want.reason.ConnackV3()
		}
		if said != speaks || said && !same(code, want.reason, want.v) {
			fail("got code %v (%v), want %v (%v)", code, said, want.reason, speaks)
		}
	case want.quiet && closed && !said:
	case closed && said && want.v == mqtt.V5:
		w.told[code]++
	case closed:
		w.unknown++
	}
}

// same compares a code told with the reason: what 3.x can say stands for several.
func same(code, reason mqtt.Reason, v mqtt.Version) bool {
	if v == mqtt.V5 {
		return code == reason
	}
	a, _ := code.ConnackV3()
	b, _ := reason.ConnackV3()
	return a == b
}

// compare holds the broker's counts to what it did.
func (w *wave) compare() {
	w.t.Helper()
	counted := w.b.Stats().ClosedByBroker
	sum, known := uint64(0), uint64(0)
	for r, n := range w.told {
		known += n
		if got := counted[r.String()]; got < n || got > n+w.unknown+w.perhaps {
			w.t.Errorf("closed for %v: got %d counted, want %d, or up to %d more", r, got, n, w.unknown+w.perhaps)
		}
	}
	for r, n := range counted {
		if r != mqtt.SessionTakenOver.String() { // mutants may choose the same client identifier
			sum += n
		}
	}
	if least := known + w.unknown; sum < least || sum > least+w.perhaps {
		w.t.Errorf("closed connections: got %d counted, want %d, or up to %d more: %v", sum, least, w.perhaps, counted)
	}
	w.t.Logf("%d attacks, closed %v", w.n.Load(), counted)
}

// method is an authentication method of which the second step never ends.
const method = "ENDLESS"

// doors lets everybody in, at once or when the test says so.
type doors struct{ held sync.Map }

func (d *doors) hold(id string) (open func()) {
	c := make(chan struct{})
	d.held.Store(id, c)
	return func() { close(c) }
}

func (d *doors) Authenticate(ctx context.Context, r *auth.Request) auth.Decision {
	if c, ok := d.held.LoadAndDelete(r.ClientID); ok && r.Username == "wait" {
		select {
		case <-c.(chan struct{}):
		case <-ctx.Done():
			return auth.Decision{Result: auth.Deny, Reason: mqtt.ServerUnavailable}
		}
	}
	return auth.Decision{Result: auth.Allow}
}

func (d *doors) Methods() []string { return []string{method} }

func (d *doors) Begin(context.Context, *auth.Request) (auth.Exchange, auth.Decision) {
	return d, auth.Decision{Result: auth.Continue, Data: []byte("?")}
}

func (d *doors) Step(context.Context, []byte) auth.Decision {
	return auth.Decision{Result: auth.Allow}
}
