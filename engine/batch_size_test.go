package engine

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// scales is a store that notes how large each batch is, and what belongs together and is not in one batch.
type scales struct {
	*store.Memory
	mu      sync.Mutex
	sizes   []int
	severed []string
}

func (s *scales) Append(b *store.Batch, done func(error)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sizes = append(s.sizes, len(b.Bytes()))
	var packets, messages, acks, handed int
	err := store.Each(b.Bytes(), &store.Record{}, func(r *store.Record) error {
		switch r.Kind {
		case store.QIN:
			packets++
		case store.MSG:
			messages++
		case store.ACK:
			acks++
		case store.ENQ:
			for _, d := range r.Deliveries {
				if d.Shared {
					handed++
				}
			}
		}
		return nil
	})
	if err != nil || packets != 0 && packets != messages || handed != acks && acks > 0 {
		s.severed = append(s.severed, fmt.Sprintf("%d packets, %d messages, %d handed on, %d acknowledged, %v", packets, messages, handed, acks, err))
	}
	return s.Memory.Append(b, done)
}

// largest tells the largest of the batches since it was asked before, and how many there were.
func (s *scales) largest() (size, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.sizes = nil }()
	return slices.Max(append(s.sizes, 0)), len(s.sizes)
}

// However much a pass stores, a batch has a megabyte and what belongs to one message, and that is not severed.
func TestABatchIsCutWhenItIsLarge(t *testing.T) {
	for name, mem := range map[string]func() *store.Memory{"commits at once": store.NewMemory, "commits later": onADisk} {
		t.Run(name, func(t *testing.T) {
			const n, size = 48, 64 << 10
			payload := string(make([]byte, size))
			st := &scales{Memory: mem()}
			cfg := settings()
			cfg.Loops = 1
			r := newRelay(t, cfg, Parts{Store: st})
			wantCut := func(what string, each int) {
				t.Helper()
				until(t, "quiet", func() bool { return quiet(t, r.Broker) })
				if most, batches := st.largest(); most > cutAt+each || batches < n*each/(cutAt+each) {
					t.Errorf("%s, about %d bytes: got %d batches of up to %d bytes, want batches of up to %d", what, n*each, batches, most, cutAt+each)
				}
			}
			one := r.join("one")
			one.subscribe(0, 2, "$share/g/job/+", "plain/+")
			r.sever(one)
			st.largest()

			own := func(topic string, qos byte, retain bool) {
				onLoop(t, r.Broker, 0, func(l *loop) {
					for i := range n {
						l.publishOwn(fmt.Appendf(nil, topic, i), []byte(payload), qos, retain, 0)
					}
				})
			}
			own("plain/%d", 1, false)
			wantCut("messages of the embedder", size+1000)
			own("retained/%d", 2, true)
			wantCut("retained messages", size+1000)
			own("plain/%d", 2, true)
			wantCut("retained messages that are queued", 2*size+1000)

			pub := r.join("pub", func(p *mqtt.Connect) { p.CleanStart = true })
			var all []byte
			for i := range n {
				p := mqtt.Publish{Topic: []byte("plain/x"), Payload: []byte(payload), QoS: 2, ID: uint16(i + 1)}
				all = p.AppendTo(all, mqtt.V5)
			}
			onLoop(t, r.Broker, 0, func(l *loop) { l.connOf("pub").feed(all) })
			for i := range n {
				pub.expect(fmt.Sprintf("pubrec #%d", i+1))
			}
			wantCut("messages of one client", size+1000)

			own("job/%d", 2, false)
			wantCut("messages for a shared subscription", size+1000)
			two := r.join("two")
			two.subscribe(0, 2, "$share/g/job/+")
			r.sever(two)
			st.largest()
			if ok, err := r.EndSession(soon(t), "one", mqtt.AdministrativeAction); !ok || err != nil {
				t.Fatalf("end the session: %v, %v", ok, err)
			}
			until(t, "quiet", func() bool { return quiet(t, r.Broker) })
			if most, batches := st.largest(); most > cutAt+size+1000 || batches < 2 {
				t.Errorf("messages that go to another member: got %d batches of up to %d bytes, want several of up to %d", batches, most, cutAt+size+1000)
			}
			two = r.join("two", window(1000))
			for range n {
				two.hear()
			}

			three := r.join("three")
			sub := mqtt.Subscribe{ID: 1, Filters: []mqtt.Subscription{{Filter: []byte("retained/+"), Options: 2}}}
			three.say(sub.AppendTo(nil, mqtt.V5, 0))
			for range n + 1 { // messages may come before the SUBACK
				three.hear()
			}
			wantCut("retained messages that are sent", size+1000)
			for _, s := range st.severed {
				t.Errorf("severed: %s", s)
			}
			audit(t, r.Broker, st.Memory)
		})
	}
}

// connOf is the connection of a client of the loop.
func (l *loop) connOf(id string) (found *conn) {
	l.eachSession(func(s *sess) {
		if s.ClientID == id {
			found = s.conn
		}
	})
	return found
}

func TestAnAnswerWaitsForWhatWasCutOffBeforeIt(t *testing.T) {
	st := &later{Memory: store.NewMemory()}
	cfg := settings()
	cfg.Loops = 1
	r := newRelay(t, cfg, Parts{Store: st})
	w := r.join("c")
	w.nothing()
	answer := func(cut func(l *loop)) {
		t.Helper()
		onLoop(t, r.Broker, 0, func(l *loop) {
			c := l.connOf("c")
			l.storeSession(c.sess)
			cut(l)
			l.answer(c, outItem{typ: mqtt.PINGRESP}, true)
		})
	}
	answer(func(l *loop) { l.appendEarly() })
	w.expect("pingresp") // nothing else is to come about for it
	st.delay()
	answer(func(l *loop) { l.appendEarly() })
	until(t, "a batch that waits", st.waits)
	if n := unsaid(t, r.Broker); n != 1 {
		t.Errorf("answers that wait for the batch: got %d, want 1", n)
	}
	st.goOn()
	w.expect("pingresp")
}
