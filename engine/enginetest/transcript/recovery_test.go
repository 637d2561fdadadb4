package transcript

import (
	"fmt"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// A client's session can end on one loop and its next one begin on another, and a crash can come when the beginning is
// committed and the end is not.
func TestOfTwoSessionsOfAClientTheLaterOneCounts(t *testing.T) {
	mem := store.NewMemory()
	for id := uint64(1); id <= 2; id++ {
		topic := fmt.Appendf(nil, "t%d", id)
		var b store.Batch
		b.Session(&store.Session{ID: id, ClientID: []byte("c"), Version: 5, Expiry: 1000, Sent: 1})
		b.Subscribe(id, &store.Subscription{Filter: topic, Options: 1})
		b.Message(&store.Message{ID: id + 10, Topic: topic, Payload: []byte("stored"), QoS: 1})
		b.Enqueue(id+10, []store.Delivery{{Session: id, Seq: 1, QoS: 1}})
		mem.Append(&b, nil)
	}
	s := newScenario(t)
	s.mem = mem
	defer s.end()
	got := s.block("recovery_test.go", 0, []string{
		`broker store=given`,
		`p: connect`,
		`c: connect clean=0 expiry=1000`,
		`p: publish t1 "old" qos=1 id=1`,
		`p: publish t2 "new" qos=1 id=2`,
		`restart`,
		`stats`,
		`c: connect clean=0 expiry=1000`,
	})
	want := []string{
		`online 0, sessions 1, subscriptions 1, retained 0, panics 0`,
		`p< CONNACK`,
		`p< PUBACK 1 10 No matching subscribers`,
		`p< PUBACK 2`,
		`p< DISCONNECT 8B Server shutting down`,
		`p< closed`,
		`c< CONNACK present`,
		`c< PUBLISH t2 "stored" qos=1 id=2 dup`,
		`c< PUBLISH t2 "new" qos=1 id=3`,
		`c< DISCONNECT 8B Server shutting down`,
		`c< closed`,
		`c< CONNACK present`,
		`c< PUBLISH t2 "stored" qos=1 id=2 dup`,
		`c< PUBLISH t2 "new" qos=1 id=3 dup`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
