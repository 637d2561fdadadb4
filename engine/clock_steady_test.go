package engine

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// times lists what the store says of the time: its record of it, and the latest of all lifetimes.
func (v *lives) times() (m moment, written int64) {
	v.t.Helper()
	err := v.mem.Recover(soon(v.t), func(r *store.Record) error {
		if r.Kind == store.META && string(r.Key) == clockMark {
			var ok bool
			if m, ok = parseMoment(r.Value); !ok {
				v.t.Errorf("the record of the time is %x", r.Value)
			}
		}
		written = max(written, r.Message.Expiry.Wall, r.Session.Rest.Wall, r.Session.Will.Rest.Wall)
		return nil
	})
	if err != nil {
		v.t.Fatal(err)
	}
	return m, written
}

func TestTheSteadyClockNeverGoesBackWhateverTheMachinesClockDoes(t *testing.T) {
	v := newLives(t)
	r := rand.New(rand.NewPCG(1, 2))
	anytime := func() time.Time {
		return []time.Time{time.Unix(0, 0), today, today.AddDate(-20, 0, 0), today.AddDate(3, 0, 0), today.AddDate(50, 0, 0)}[r.IntN(5)].
			Add(time.Duration(r.IntN(1000)) * time.Second)
	}
	var before moment
	for life := range 16 {
		v.begin(anytime())
		for range r.IntN(4) {
			switch d := time.Duration(r.IntN(100)) * time.Second; r.IntN(3) {
			case 0:
				v.jump(anytime().Sub(time.UnixMilli(v.wall.Load())))
			case 1:
				if err := v.Publish(soon(t), Message{Topic: []byte("t"), Payload: []byte("x"), Retain: true, Expiry: time.Hour}); err != nil {
					t.Fatal(err)
				}
			default:
				v.pass(d)
			}
		}
		if r.IntN(2) == 0 {
			v.kill()
		} else {
			v.end()
		}
		m, written := v.times()
		if m.steady < before.steady || written > m.steady/1000+1 {
			t.Fatalf("life %d: the clock says %d behind %d, a lifetime says %d", life, m.steady, before.steady, written)
		}
		before = m
	}
	if first := earliest; before.steady <= first {
		t.Errorf("the clock says %d, want that time has passed since %d", before.steady, first)
	}
}

// Records of the time before there was a steady clock say when they were written by the machine's, and no record says what
// time it was at the end.
func TestRecordsOfBeforeTheSteadyClockExpireNotTooEarly(t *testing.T) {
	v := newLives(t)
	wrote := today.Add(-time.Hour).Unix()
	var b store.Batch
	lasts := func(after int64) store.Lifetime { return store.Lifetime{Left: 1000, Wall: wrote + after} }
	b.Retain(&store.Message{Topic: []byte("r"), Payload: []byte("x"), Expiry: lasts(0)})
	ses, _ := hex.DecodeString("070112" + "01" + "04" + "05" + "e807" + "00" + "03737562" + "00" + "00") // sub, 1000 s, one rest
	ses = binary.AppendUvarint(ses, 1000)
	ses = binary.AppendUvarint(ses, uint64(wrote+100))
	ses[2] = byte(len(ses) - 3)
	var r store.Record
	if _, err := store.Decode(ses, &r); err != nil || r.Version != 1 {
		t.Fatalf("the record of a session: %v, version %d", err, r.Version)
	}
	b.Record(&r)
	b.Message(&store.Message{ID: 5, Topic: []byte("q"), Payload: []byte("x"), QoS: 1, Expiry: lasts(200)})
	b.Enqueue(5, []store.Delivery{{Session: 1, Seq: 1, QoS: 1}})
	v.mem.Append(&b, nil)
	for life := range 2 {
		v.begin(today.Add(time.Duration(life) * 100 * time.Second))
		v.pass(0)
		message, retained, session, _, _, _ := v.left()
		for what, c := range map[string][2]int{"message": {message, 1000}, "retained message": {retained, 800}, "session": {session, 900}} {
			got, least := c[0], c[1]-100*life
			if what == "session" && life > 0 {
				least = 0 // it was connected
			}
			if got < least-2 || got > 1000-100*life {
				t.Errorf("life %d: left of the %s: got %d s, want %d to %d", life, what, got, least, 1000-100*life)
			}
		}
		v.end()
	}
}

// A process that hands over may know another time than our store: what it leaves has as long as it had there.
func TestWhatIsHandedOverIsPutIntoOurTime(t *testing.T) {
	for name, c := range map[string]struct{ theirs, ours time.Time }{
		"theirs is far behind":   {time.Unix(0, 0), today},
		"theirs is far ahead":    {today, time.Unix(0, 0)},
		"both are about right":   {today, today.Add(-time.Minute)},
		"both were always wrong": {time.Unix(0, 0), time.Unix(1000, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			v := newLives(t)
			v.begin(c.ours)
			hold := func(b *Broker, topic string) {
				t.Helper()
				if err := b.Publish(soon(t), Message{Topic: []byte(topic), Payload: []byte("x"), Retain: true, Expiry: 1000 * time.Second}); err != nil {
					t.Fatal(err)
				}
			}
			hold(v.Broker, "held")
			v.end()

			r := newRelay(t, settings(), Parts{Wall: func() time.Time { return c.theirs }})
			hold(r.Broker, "handed")
			r.forward(10 * time.Second)
			next, state := r.leave()
			next.parts.State, next.parts.Store, next.parts.Wall = state, v.mem, func() time.Time { return today }
			if err := next.Start(); err != nil {
				t.Fatal(err)
			}
			old := r.Broker
			r.Broker = next
			stop(t, old)
			left := func(topic string) int {
				value, _ := next.retained.Get([]byte(topic), nil)
				if len(value) == 0 {
					return 0
				}
				return int((time.Duration(binary.BigEndian.Uint64(value[1:])) - next.now()) / time.Second)
			}
			if got := left("handed"); got < 985 || got > 991 {
				t.Errorf("handed over with 990 s left: got %d", got)
			}
			down := 0
			if believable(c.ours.UnixMilli(), moment{}) {
				down = int(today.Sub(c.ours) / time.Second)
			}
			if got := left("held"); got < 1000-down-5 || got > 1001 {
				t.Errorf("held with 1000 s left, %d s before: got %d", down, got)
			}
		})
	}
}

// lengthy is a store that takes its time to be read.
type lengthy struct {
	*store.Memory
	meanwhile func()
}

func (s *lengthy) Recover(ctx context.Context, visit func(*store.Record) error) error {
	var all store.Batch
	if err := s.Memory.Recover(ctx, func(r *store.Record) error { all.Record(r); return nil }); err != nil {
		return err
	}
	s.meanwhile() // not while the Memory is locked
	return store.Each(all.Bytes(), new(store.Record), func(r *store.Record) error {
		err := visit(r)
		s.meanwhile()
		return err
	})
}

// The steady clock is set while the store is read: that is no jump of the machine's.
func TestAClockThatBeginsHasNotJumped(t *testing.T) {
	v := newLives(t)
	v.begin(today)
	v.prepare()
	v.end()
	var mono steered
	var b *Broker
	var log logbook
	b = unstarted(t, settings(), Parts{
		Clock: mono.now, Wall: func() time.Time { return today.Add(mono.now()) }, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Store: &lengthy{v.mem, func() { mono.forward(3 * time.Second); passed(t, b, mono.now()) }},
	})
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	mono.forward(3 * time.Second)
	passed(t, b, mono.now())
	stop(t, b)
	if strings.Contains(log.String(), "clock") {
		t.Errorf("the log says:\n%s", &log)
	}
}
