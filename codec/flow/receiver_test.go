package flow

import (
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

func wantVerdict(t *testing.T, r *Receiver, id uint16, qos byte, want Verdict) {
	t.Helper()
	if got := r.Publish(id, qos); got != want {
		t.Errorf("PUBLISH id %d QoS %d: got %d, want %d (open %d)", id, qos, got, want, r.Open())
	}
}

func TestARepeatedQoS2PublishIsADuplicateUntilPubrel(t *testing.T) {
	var r Receiver
	wantVerdict(t, &r, 6, 2, New)
	wantVerdict(t, &r, 6, 2, Duplicate)
	r.Acked(6, 2, mqtt.Success)
	wantVerdict(t, &r, 6, 2, Duplicate)
	if !r.Pubrel(6) {
		t.Error("PUBREL of an open exchange is unknown")
	}
	if !r.Pubrel(6) {
		t.Error("PUBREL repeated before PUBCOMP is unknown")
	}
	r.Completed(6)
	if r.Pubrel(6) {
		t.Error("PUBREL after PUBCOMP is known")
	}
	wantVerdict(t, &r, 6, 2, New)
}

func TestARefusedQoS2PublishFreesItsIdentifier(t *testing.T) {
	var r Receiver
	r.SetMaximum(1)
	wantVerdict(t, &r, 6, 2, New)
	r.Acked(6, 2, mqtt.UnspecifiedError)
	if r.Len() != 0 || r.Pubrel(6) {
		t.Errorf("after PUBREC 0x80: got %d open, want 0", r.Len())
	}
	wantVerdict(t, &r, 6, 2, New)
}

func TestQoS1IdentifiersMeanNothing(t *testing.T) {
	var r Receiver
	wantVerdict(t, &r, 5, 1, New)
	r.Acked(5, 1, mqtt.Success)
	wantVerdict(t, &r, 5, 1, New)
	if r.Pubrel(5) || r.Len() != 0 {
		t.Error("a QoS 1 PUBLISH left its identifier")
	}
}

func TestAQoS1PublishCannotTakeAnOpenQoS2Identifier(t *testing.T) {
	var r Receiver
	wantVerdict(t, &r, 5, 2, New)
	wantVerdict(t, &r, 5, 1, InUse)
	r.Acked(5, 2, mqtt.Success)
	wantVerdict(t, &r, 5, 1, InUse)
	r.Pubrel(5)
	r.Completed(5)
	wantVerdict(t, &r, 5, 1, New)
	if r.Open() != 1 {
		t.Errorf("got open %d, want 1", r.Open())
	}
}

func TestMoreThanTheMaximumIsExceeded(t *testing.T) {
	var r Receiver
	r.SetMaximum(2)
	wantVerdict(t, &r, 1, 1, New)
	wantVerdict(t, &r, 2, 2, New)
	wantVerdict(t, &r, 2, 2, Duplicate) // a repeat does not pay twice
	wantVerdict(t, &r, 3, 2, Exceeded)
	wantVerdict(t, &r, 3, 1, Exceeded)
	r.Acked(2, 2, mqtt.Success) // PUBREC gives nothing back
	wantVerdict(t, &r, 3, 1, Exceeded)
	r.Pubrel(2)
	wantVerdict(t, &r, 3, 1, Exceeded)
	r.Completed(2)
	wantVerdict(t, &r, 3, 1, New)
	r.Acked(1, 1, mqtt.Success)
	r.Acked(3, 1, mqtt.Success)
	if r.Open() != 0 {
		t.Errorf("all answered: got %d open, want 0", r.Open())
	}
}

func TestEachConnectionHasTheWholeMaximum(t *testing.T) {
	var r Receiver
	r.SetMaximum(2)
	wantVerdict(t, &r, 1, 2, New)
	wantVerdict(t, &r, 2, 2, New)
	r.Acked(1, 2, mqtt.Success)
	r.SetMaximum(2)
	// The peer got the PUBREC of 1, so it resends PUBREL 1 and PUBLISH 2, and may send one more.
	if !r.Pubrel(1) {
		t.Error("PUBREL resent on a new connection is unknown")
	}
	wantVerdict(t, &r, 2, 2, Duplicate)
	wantVerdict(t, &r, 3, 1, New)
	wantVerdict(t, &r, 4, 1, Exceeded)
	r.Completed(1) // held nothing on this connection
	wantVerdict(t, &r, 4, 1, Exceeded)
}

func TestRepeatsOnANewConnectionPayOnce(t *testing.T) {
	var r Receiver
	for id := range uint16(3) {
		r.Restore(id + 1)
	}
	r.SetMaximum(2)
	wantVerdict(t, &r, 1, 2, Duplicate)
	wantVerdict(t, &r, 1, 2, Duplicate)
	wantVerdict(t, &r, 2, 2, Duplicate)
	wantVerdict(t, &r, 3, 2, Exceeded)
	if r.Open() != 2 || r.Len() != 3 {
		t.Errorf("got open %d len %d, want 2 3", r.Open(), r.Len())
	}
}

func TestAPublishBeforePubcompOfItsIdentifierIsNewAndStays(t *testing.T) {
	var r Receiver
	r.SetMaximum(5)
	wantVerdict(t, &r, 9, 2, New)
	r.Pubrel(9)
	wantVerdict(t, &r, 9, 2, New) // the peer did not wait
	if r.Open() != 2 {
		t.Errorf("got open %d, want 2", r.Open())
	}
	r.Completed(9)
	wantVerdict(t, &r, 9, 2, Duplicate)
	if r.Open() != 1 || !r.Pubrel(9) {
		t.Errorf("got open %d, want 1 and a known PUBREL", r.Open())
	}
	r.Completed(9)
	if r.Open() != 0 || r.Len() != 0 {
		t.Errorf("got open %d len %d, want 0 0", r.Open(), r.Len())
	}
}

func TestAllIdentifiersAtOnceAreHeldAndLetGo(t *testing.T) {
	var r Receiver
	for id := 1; id <= Identifiers; id++ {
		if got := r.Publish(uint16(id), 2); got != New {
			t.Fatalf("PUBLISH id %d: got %d, want New", id, got)
		}
	}
	seen := 0
	r.Each(func(uint16) { seen++ })
	if seen != Identifiers || r.Len() != Identifiers {
		t.Errorf("got %d visited, %d held, want %d", seen, r.Len(), Identifiers)
	}
	for id := 1; id <= Identifiers; id++ {
		r.Pubrel(uint16(id))
		r.Completed(uint16(id))
	}
	if r.Open() != 0 || r.Len() != 0 || len(r.ids.places) > keepPlaces {
		t.Errorf("got open %d len %d table %d, want 0 0 and a small one", r.Open(), r.Len(), len(r.ids.places))
	}
}

// What a store has brought back may be over: only a PUBLISH with DUP, or a PUBREL, says that it is not.
func TestAnExchangeInDoubtEndsWithAPublishThatIsNoRepeat(t *testing.T) {
	var r Receiver
	for id := uint16(1); id <= 4; id++ {
		r.Restore(id)
	}
	r.Doubt()
	if !r.Anew(1) || r.Publish(1, 2) != New || r.Anew(1) || r.Publish(1, 2) != Duplicate {
		t.Error("1: want the first PUBLISH without DUP to be new, and another one no more")
	}
	if r.Publish(2, 2) != Duplicate || r.Anew(2) || r.Publish(2, 2) != Duplicate {
		t.Error("2: want a repeat to say that the exchange goes on")
	}
	if !r.Anew(3) || r.Publish(3, 1) != New {
		t.Error("3: want its identifier to be free for QoS 1")
	}
	if !r.Pubrel(4) || r.Anew(4) {
		t.Error("4: want a PUBREL to find it and to leave nothing in doubt")
	}
	if r.Anew(5) {
		t.Error("5: nobody knows it, want nothing to end")
	}
}
