package crash

import (
	"io"
	"net/http"
	"syscall"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
	"github.com/penstock-mqtt/penstock/engine/plugin/admin"
	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
	"github.com/penstock-mqtt/penstock/engine/store/vfs/faultfs"
)

// After the first error of a disk nothing is acknowledged that would have to be kept, and everybody is told. What was
// acknowledged before is there when a process begins with a disk that works.
func TestABrokenDiskIsSaidAndLosesNothing(t *testing.T) {
	for _, op := range []faultfs.Op{faultfs.OpSync, faultfs.OpWrite, faultfs.OpRename, faultfs.OpSyncDir} {
		t.Run(op.String(), func(t *testing.T) {
			seeded(t, func(t *testing.T, seed uint64) Counts {
				d := newDisk(t, seed, seglog.Options{SegmentSize: 32 << 10})
				d.settle()
				url := d.door()
				f := Launch(NewPlan(seed), d.address)
				f.Ledger.Failing()
				d.pause()
				if code, text := get(t, url); code != http.StatusOK {
					t.Errorf("with a disk that works: /readyz says %d %q", code, text)
				}
				d.bad.Arm(faultfs.Fault{Op: op, Nth: 1, Err: syscall.EIO, Stays: true})
				if !rig.Eventually(func() bool { return d.g.Pressure() == store.Failed }) {
					t.Errorf("after EIO: %v, want that the store has failed", d.g.Pressure())
				}
				if !rig.Eventually(func() bool { return f.TurnedAway() > 0 }) {
					t.Error("after EIO: no CONNECT was refused, want all whose session would have to be kept")
				}
				d.refuses(f)
				if s := d.g.Stats(); s.Failure == "" {
					t.Errorf("after EIO: the log does not say why it failed: %+v", s)
				}
				if code, text := get(t, url); code != http.StatusServiceUnavailable {
					t.Errorf("after EIO: /readyz says %d %q, want 503", code, text)
				}
				d.bad.Disarm() // it does not go on by itself
				d.pause()
				if d.g.Pressure() != store.Failed {
					t.Errorf("after EIO: %v, want that a store that has failed stays so", d.g.Pressure())
				}
				d.powerCut(f, 0)
				counts := verdict(t, f, d.forward)
				d.settled()
				return counts
			})
		})
	}
}

// refuses looks whether messages that would have to be kept are refused, and only those.
func (h *home) refuses(f *Fleet) {
	h.t.Helper()
	for _, v := range []mqtt.Version{mqtt.V311, mqtt.V5} {
		p := f.visitor("visitor", v)
		m := f.Ledger.send(&message{key: key{source: p.source}, topic: "d/0/1/a", qos: 1})
		answer := mqtt.Success
		p.send((&mqtt.Publish{Topic: []byte(m.topic), QoS: 1, ID: 1, Payload: m.payload()}).AppendTo(nil, v))
		open := p.ping(func(packet any) {
			if a, ok := packet.(*mqtt.Ack); ok {
				answer = a.Reason
			}
		})
		if want := v == mqtt.V5; open != want || want && answer != mqtt.QuotaExceeded {
			h.t.Errorf("%v: a message that cannot be kept was answered with %v, the connection goes on: %v; want %v and %v", v, answer, open, mqtt.QuotaExceeded, want)
		}
		p.hangUp()
	}
}

// visitor is a client that nobody keeps, connected.
func (f *Fleet) visitor(id string, v mqtt.Version) *publisher {
	p := &publisher{device: f.device(id), source: f.Ledger.publisher(id)}
	p.v, p.s = v, f.Ledger.session(id, nil, nil)
	hello := p.hello()
	hello.CleanStart, hello.Props = true, mqtt.Properties{}
	p.connect(hello)
	return p
}

// door opens the operator's door and gives the address of its probe.
func (h *home) door() string {
	h.t.Helper()
	cfg := admin.Config{Listen: []string{"127.0.0.1:0"}, Socket: admin.Off}
	s, err := admin.New(cfg, admin.Options{Broker: h.b.Broker})
	if err == nil {
		_, err = s.Start()
	}
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = s.Stop(gone) })
	return s.URLs()[0] + "/readyz"
}

func get(t *testing.T, url string) (code int, text string) {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(body)
}
