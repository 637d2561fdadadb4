package compare

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/bench"
)

const withData = `rounds: 1
baseline: a
subject: b
ratios: ["b : a", "c : b"]
brokers:
  - {name: a, command: "{self} broker {port}"}
  - {name: b, command: "{self} broker {port} tcp://127.0.0.1:0?name={data}"}
  - {name: c, command: "{self} broker {port}"}
scenarios:
  - {name: first, run: p2p, also: [ack p99, written, figure time to rest]}
`

func TestOtherRatiosAndFurtherMeasuresAreShown(t *testing.T) {
	l := &load{t: t}
	l.report = func(n int, _ bench.Config) (*bench.Report, error) {
		r := good(float64(n), 1000)
		r.Sent, r.Broker.Disk = 100, uint64(n)*409600
		if n != 2 {
			r.Ack = &bench.Percentiles{Count: 1, P99: time.Duration(n) * time.Millisecond}
		}
		r.Figures = []bench.Figure{{Name: "time to rest", Value: float64(n), Unit: "s"}}
		return r, nil
	}
	r, _ := compared(t, withData, l)
	if r.Disk == nil || r.Disk.SyncP50 <= 0 || r.Disk.SyncP99 < r.Disk.SyncP50 {
		t.Errorf("disk is %+v, want how long a sync takes", r.Disk)
	}
	if r.Failed() {
		t.Errorf("failed: %+v", r.Rows[0].Runs)
	}
	var text bytes.Buffer
	if err := r.Text(&text); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(text.String()) {
		if fields := strings.Join(strings.Fields(line), " "); len(got) < 5 {
			got = append(got, fields)
		}
	}
	want := []string{
		"scenario measure a b c b : a c : b",
		"first CPU 1 µs 2 µs 3 µs 2 times 1.50 times",
		"p99 to PUBACK 1 ms – 3 ms – –",
		"to disk a message 4 KiB 8 KiB 12 KiB 2 times 1.50 times",
		"time to rest 1 s 2 s 3 s 2 times 1.50 times",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if !strings.Contains(text.String(), "data directories: on ") {
		t.Errorf("nothing is said of the disk:\n%s", &text)
	}
}
