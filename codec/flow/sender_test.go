package flow

import (
	"fmt"
	"slices"
	"testing"
	"unsafe"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

func newSender(quota int) *Sender[string] {
	s := new(Sender[string])
	s.SetQuota(quota)
	return s
}

// resumed lists what one Resume call visits, as "seq qos released".
func resumed(s *Sender[string]) (got []string) {
	s.Resume(func(seq uint64, qos byte, released bool, m *string) bool {
		got = append(got, fmt.Sprint(seq, qos, released))
		return true
	})
	return got
}

func each(s *Sender[string]) (got []string) {
	s.Each(func(seq uint64, qos byte, released bool, m *string) {
		got = append(got, fmt.Sprint(seq, qos, released, " ", *m))
	})
	return got
}

func wantList(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func TestIdentifiersFollowTheSequenceAndAreNeverZero(t *testing.T) {
	for _, c := range []struct {
		seq  uint64
		want uint16
	}{{0, 1}, {1, 2}, {65534, 65535}, {65535, 1}, {65536, 2}, {1<<64 - 1, 1}} {
		if got := ID(c.seq); got != c.want {
			t.Errorf("ID(%d): got %d, want %d", c.seq, got, c.want)
		}
	}
}

func TestAnIdleSenderIsSmall(t *testing.T) {
	if got := unsafe.Sizeof(Sender[*int]{}); got > 80 {
		t.Errorf("Sender: got %d bytes, want at most 80", got)
	}
	if got := unsafe.Sizeof(exchange[*int]{}); got > 16 {
		t.Errorf("exchange with a pointer: got %d bytes, want at most 16", got)
	}
	if got := unsafe.Sizeof(Receiver{}); got > 40 {
		t.Errorf("Receiver: got %d bytes, want at most 40", got)
	}
}

func TestAQoS1ExchangeEndsWithPuback(t *testing.T) {
	s := newSender(2)
	id := s.Start(7, 1, "m")
	if id != 8 || s.Quota() != 1 || s.Len() != 1 {
		t.Fatalf("started: got id %d quota %d len %d, want 8 1 1", id, s.Quota(), s.Len())
	}
	if _, _, ok := s.Pubcomp(id); ok {
		t.Error("PUBCOMP ended a QoS 1 exchange")
	}
	if _, _, step := s.Pubrec(id, mqtt.Success); step != Unknown {
		t.Errorf("PUBREC for a QoS 1 exchange: got %d, want Unknown", step)
	}
	if _, m, ok := s.Puback(id); !ok || m != "m" {
		t.Errorf("PUBACK: got %q %v, want m true", m, ok)
	}
	if _, _, ok := s.Puback(id); ok {
		t.Error("the second PUBACK ended something")
	}
	if s.Quota() != 2 || s.Len() != 0 {
		t.Errorf("ended: got quota %d len %d, want 2 0", s.Quota(), s.Len())
	}
}

func TestAQoS2ExchangeEndsWithPubcomp(t *testing.T) {
	s := newSender(1)
	id := s.Start(0, 2, "m")
	if _, _, ok := s.Puback(id); ok {
		t.Error("PUBACK ended a QoS 2 exchange")
	}
	if _, _, ok := s.Pubcomp(id); ok {
		t.Error("PUBCOMP before PUBREC ended it")
	}
	if _, m, step := s.Pubrec(id, mqtt.Success); step != SendPubrel || m != "m" {
		t.Errorf("PUBREC: got %q %d, want m SendPubrel", m, step)
	}
	if _, _, step := s.Pubrec(id, mqtt.Success); step != Repeated {
		t.Errorf("second PUBREC: got %d, want Repeated", step)
	}
	if _, _, step := s.Pubrec(id, mqtt.UnspecifiedError); step != Repeated {
		t.Errorf("late refusal: got %d, want Repeated", step)
	}
	if s.Quota() != 0 {
		t.Errorf("after PUBREC: got quota %d, want 0", s.Quota())
	}
	if _, m, ok := s.Pubcomp(id); !ok || m != "m" || s.Quota() != 1 {
		t.Errorf("PUBCOMP: got %q %v quota %d, want m true 1", m, ok, s.Quota())
	}
}

func TestARefusedPublishEndsAtPubrec(t *testing.T) {
	s := newSender(1)
	id := s.Start(3, 2, "m")
	_, m, step := s.Pubrec(id, mqtt.UnspecifiedError)
	if m != "m" || step != Ended || s.Len() != 0 || s.Quota() != 1 {
		t.Errorf("PUBREC 0x80: got %q %d len %d quota %d, want m Ended 0 1", m, step, s.Len(), s.Quota())
	}
}

func TestResumeResendsPubrelsThenPublishesInOrder(t *testing.T) {
	s := newSender(10)
	s.Start(2, 2, "a") // slightly out of order, as two publishing loops may have it
	s.Start(1, 1, "b")
	s.Start(3, 2, "c")
	s.Start(5, 2, "d")
	s.Start(9, 2, "e")
	s.Pubrec(ID(9), mqtt.Success)
	s.Pubrec(ID(3), mqtt.Success)
	wantList(t, "each", each(s), "9 2 true e", "3 2 true c", "2 2 false a", "1 1 false b", "5 2 false d")
	wantList(t, "resume without a new connection", resumed(s))
	s.SetQuota(4)
	if s.CanSend(10) {
		t.Error("something new may be sent before what waits to be resent")
	}
	wantList(t, "first", resumed(s), "9 2 true", "3 2 true", "2 2 false", "1 1 false")
	if !s.Pending() || s.Quota() != 0 {
		t.Errorf("after the first: got pending %v quota %d, want true 0", s.Pending(), s.Quota())
	}
	wantList(t, "without quota", resumed(s))
	s.Puback(ID(1))
	wantList(t, "second", resumed(s), "5 2 false")
	if s.Pending() {
		t.Error("still pending with everything resent")
	}
}

func TestPubrelsAreResentWithoutQuota(t *testing.T) {
	s := newSender(3)
	for seq := range uint64(3) {
		s.Start(seq, 2, "m")
		s.Pubrec(ID(seq), mqtt.Success)
	}
	s.SetQuota(1)
	wantList(t, "resume", resumed(s), "0 2 true", "1 2 true", "2 2 true")
	for seq := range uint64(3) {
		s.Pubcomp(ID(seq))
		if s.Quota() > 1 {
			t.Errorf("after PUBCOMP %d: got quota %d, want at most 1", seq, s.Quota())
		}
	}
	if s.Quota() != 1 {
		t.Errorf("at the end: got quota %d, want 1", s.Quota())
	}
}

func TestResumeGoesOnWhereItWasStopped(t *testing.T) {
	s := newSender(5)
	for seq := range uint64(4) {
		s.Start(seq, 1, fmt.Sprint(seq))
	}
	s.SetQuota(5)
	n := 0
	s.Resume(func(uint64, byte, bool, *string) bool { n++; return n < 3 })
	if s.Quota() != 3 {
		t.Errorf("stopped at the third: got quota %d, want 3", s.Quota())
	}
	wantList(t, "the rest", resumed(s), "2 1 false", "3 1 false")
}

func TestResumeMayRemoveWhatItVisits(t *testing.T) {
	s := newSender(5)
	for seq := range uint64(4) {
		s.Start(seq, 1, "m")
	}
	s.SetQuota(5)
	s.Resume(func(seq uint64, _ byte, _ bool, _ *string) bool {
		if seq%2 == 0 {
			s.Remove(seq)
		}
		return true
	})
	wantList(t, "left", each(s), "1 1 false m", "3 1 false m")
	if s.Pending() || s.Quota() != 3 {
		t.Errorf("got pending %v quota %d, want false 3", s.Pending(), s.Quota())
	}
}

func TestAcknowledgementsOfWaitingExchangesCount(t *testing.T) {
	s := newSender(5)
	for seq := range uint64(4) {
		s.Start(seq, 2, "m")
	}
	s.SetQuota(1)
	s.Pubrec(ID(0), mqtt.Success) // the peer remembers it from the connection before
	s.Pubrec(ID(1), mqtt.UnspecifiedError)
	wantList(t, "resume", resumed(s), "2 2 false")
	s.Pubrec(ID(2), mqtt.Success)
	s.Pubcomp(ID(2))
	wantList(t, "resume", resumed(s), "3 2 false")
}

func TestAnIdentifierInUseIsNotGivenAgain(t *testing.T) {
	s := newSender(10)
	s.Start(100, 1, "old")
	for _, c := range []struct {
		seq  uint64
		want bool
	}{{99, true}, {101, true}, {100 + 65534, true}, {100 + 65535, false}, {100 + 65536, false}, {100 + 2*65535, false}} {
		if got := s.CanSend(c.seq); got != c.want {
			t.Errorf("CanSend(%d) with 100 open: got %v, want %v", c.seq, got, c.want)
		}
	}
	s.Start(100+65534, 1, "far")
	s.Puback(ID(100))
	if !s.CanSend(100 + 65535) {
		t.Error("the identifier is free and not given")
	}
	if s.CanSend(99) || s.CanSend(100+2*65535) {
		t.Error("the identifier of the only open exchange, or one too far, is given")
	}
}

func TestClearHandsEverythingBack(t *testing.T) {
	s := newSender(10)
	s.Start(1, 1, "a")
	s.Start(2, 2, "b")
	s.Pubrec(ID(2), mqtt.Success)
	var got []string
	s.Clear(func(m string) { got = append(got, m) })
	wantList(t, "released", got, "b", "a")
	if s.Len() != 0 || s.Pending() || s.CanSend(1) {
		t.Errorf("got len %d pending %v CanSend %v, want 0 false false", s.Len(), s.Pending(), s.CanSend(1))
	}
}

func TestMemoryFollowsWhatIsOpenNotItsSpan(t *testing.T) {
	s := newSender(65535)
	s.Start(0, 1, "stuck")
	for seq := uint64(1); seq < 60000; seq++ {
		s.Start(seq, 1, "m")
		s.Puback(ID(seq))
	}
	if got := len(s.pub.ring); got > minPlaces {
		t.Errorf("one exchange open since 60,000: got a table of %d, want %d", got, minPlaces)
	}
	for seq := uint64(1); seq < 5000; seq++ {
		s.Start(seq, 1, "m")
	}
	for seq := uint64(1); seq < 5000; seq++ {
		s.Puback(ID(seq))
	}
	if got := len(s.pub.ring); got > keepPlaces {
		t.Errorf("after a burst of 5,000: got a table of %d, want at most %d", got, keepPlaces)
	}
	s.Puback(ID(0))
	s.Trim()
	if s.pub.ring != nil {
		t.Error("an idle sender keeps its table after Trim")
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	s := newSender(20)
	var r Receiver
	seq := uint64(0)
	run := func() {
		for range 15 { // fills and empties the window, as a busy session does in each pass
			s.Start(seq, 1+byte(seq%2), "m")
			r.Publish(ID(seq), 2)
			seq++
		}
		for i := seq - 15; i < seq; i++ {
			s.Puback(ID(i))
			s.Pubrec(ID(i), mqtt.Success)
			s.Pubcomp(ID(i))
			r.Acked(ID(i), 2, mqtt.Success)
			r.Pubrel(ID(i))
			r.Completed(ID(i))
		}
	}
	run()
	if got := testing.AllocsPerRun(1000, run); got != 0 {
		t.Errorf("allocations per full window: got %v, want 0", got)
	}
}

func BenchmarkStartPuback(b *testing.B) {
	var s Sender[*int]
	s.SetQuota(100)
	for i := range uint64(20) {
		s.Start(i, 1, nil)
	}
	seq := uint64(20)
	b.ReportAllocs()
	for b.Loop() {
		s.Start(seq, 1, nil)
		s.Puback(ID(seq - 20))
		seq++
	}
}
