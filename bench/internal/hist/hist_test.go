package hist

import (
	"testing"
	"time"
)

func TestARecorderCountsRunsOfEqualValues(t *testing.T) {
	var r Recorder
	for i := range 1000 {
		r.Add(int64(i / 10)) // ten of each, 0 to 99
	}
	h := r.Swap(nil)
	if got := h.Count(); got != 1000 {
		t.Errorf("count: got %d, want 1000", got)
	}
	for percent, want := range map[float64]time.Duration{50: 49, 99: 98, 100: 99} {
		if got := h.At(percent); got != want*time.Microsecond {
			t.Errorf("percentile %v: got %v, want %vµs", percent, got, int64(want))
		}
	}
	if again := r.Swap(h); again != nil {
		t.Errorf("after a swap: got %d values, want none", again.Count())
	}
}

func TestWhatIsBeyondAnHourIsAnHour(t *testing.T) {
	var r Recorder
	r.Add(1 << 50)
	if got := r.Swap(nil).Max(); got < time.Hour || got > time.Hour+4*time.Second {
		t.Errorf("got %v, want about 1h", got)
	}
}

func TestRecordingAllocatesNothing(t *testing.T) {
	var r Recorder
	r.Add(1)
	r.Add(2)
	i := int64(0)
	if got := testing.AllocsPerRun(1000, func() { i++; r.Add(i) }); got != 0 {
		t.Errorf("got %v allocations a value, want 0", got)
	}
}
