package bench

import (
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/bench/internal/proc"
)

func TestAGeneratorThatIsAlwaysBusyIsCalledTheLimit(t *testing.T) {
	self, err := proc.Self()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		threads int
		used    time.Duration // in a second
		limit   bool
	}{
		{1, 950 * time.Millisecond, true},
		{1, 500 * time.Millisecond, false},
		{2, 950 * time.Millisecond, false},
		{2, 1900 * time.Millisecond, true},
	} {
		r := &run{report: &Report{Elapsed: time.Second}, lanes: make([]*lane, tt.threads)}
		r.meter = meter{r: r, self: self}
		r.meter.to.self.CPU = tt.used
		r.meter.report()
		if got := r.report.Load.Limit; got != tt.limit {
			t.Errorf("%d threads that used %v of CPU in a second: limit is %v, want %v", tt.threads, tt.used, got, tt.limit)
		}
	}
}
