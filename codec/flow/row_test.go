package flow

import "testing"

func TestOnlyWhatIsWithinReachOfTheHighestIsSent(t *testing.T) {
	s := newSender(10)
	s.Start(200000, 1, "high")
	s.Start(199999, 1, "low")
	s.Puback(ID(200000)) // it is still what the others are told from
	for _, c := range []struct {
		seq  uint64
		want bool
	}{{200000 - 65534, true}, {200000 - 65535, false}, {200000 - 65536, false}, {200000 - 70000, false}, {199999 + 65534, true}} {
		if got := s.CanSend(c.seq); got != c.want {
			t.Errorf("CanSend(%d) with 199999 open: got %v, want %v", c.seq, got, c.want)
		}
	}
	if _, ok := s.Remove(199999 + 65535); ok {
		t.Error("Remove took the exchange of another sequence number with the same identifier")
	}
}

func TestAnEmptySenderBeginsAnywhere(t *testing.T) {
	s := newSender(10)
	s.Start(100000, 1, "before")
	s.CanSend(200000) // has it look for the oldest
	s.Puback(ID(100000))
	s.Start(5, 1, "after")
	if s.CanSend(100001) {
		t.Error("CanSend(100001) with 5 open: got true, want false")
	}
	if seq, _, ok := s.Puback(ID(5)); !ok || seq != 5 {
		t.Errorf("PUBACK of 5: got %d %v", seq, ok)
	}
}

func TestWhatIsPutBackLaterIsResentInOrder(t *testing.T) {
	s := newSender(20)
	for seq := range uint64(minPlaces) { // a full ring
		s.Restore(seq, 1, false, "m")
	}
	for seq := range uint64(3) {
		s.Puback(ID(seq)) // before Resume has looked for the first
	}
	for seq := range uint64(3) {
		s.Restore(minPlaces+seq, 1, false, "m") // where those were
	}
	wantList(t, "first", resumed(s), "3 1 false", "4 1 false", "5 1 false", "6 1 false", "7 1 false", "8 1 false", "9 1 false", "10 1 false")
	s.Puback(ID(10)) // behind where Resume has looked
	s.Puback(ID(9))
	s.Restore(20, 1, false, "m")
	s.Restore(21, 1, false, "m")
	wantList(t, "second", resumed(s), "20 1 false", "21 1 false")
}

func TestTheRingGrowsByWhatIsOpenAndNotByGaps(t *testing.T) {
	s := newSender(100)
	s.Start(0, 1, "stuck")
	for seq := uint64(1); seq < 60000; seq++ {
		s.Start(seq, 1, "m")
		if seq > 2 {
			s.Puback(ID(seq - 2))
		}
	}
	if got := len(s.pub.ring); got != minPlaces {
		t.Errorf("three open at a time, one of them for ever: got a ring of %d, want %d", got, minPlaces)
	}

	s = newSender(100)
	for seq := range uint64(minPlaces) {
		s.Start(seq, 1, "m")
	}
	s.Puback(ID(3)) // closing one gap would make room for one
	s.Start(minPlaces, 1, "m")
	if got := len(s.pub.ring); got != 2*minPlaces {
		t.Errorf("a full ring with a gap: got %d places, want %d", got, 2*minPlaces)
	}
}

func TestARowIsInOrderAgainOnceItWasEmpty(t *testing.T) {
	s := newSender(10)
	s.Start(2, 1, "m")
	s.Start(1, 1, "m")
	if !s.pub.mixed {
		t.Error("2 and then 1 count as in order")
	}
	s.Puback(ID(2))
	s.Puback(ID(1))
	s.Start(3, 1, "m")
	if s.pub.mixed {
		t.Error("3 alone counts as out of order: every search would look at all that is open")
	}
}
