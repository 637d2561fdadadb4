// Package hist records durations, in microseconds, with three significant digits from a microsecond to an hour.
//
// It is HdrHistogram behind what a hot path needs: a [Recorder] takes runs of equal values, which deliveries of one read
// mostly are, for the price of one, and hands what it has to whoever merges it.
package hist

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	lowest  = 1
	highest = int64(time.Hour / time.Microsecond)
	digits  = 3
)

// Histogram is a distribution of durations. It belongs to one goroutine at a time.
type Histogram struct{ h *hdrhistogram.Histogram }

// New returns an empty histogram; it takes about 200 KB.
func New() *Histogram { return &Histogram{hdrhistogram.New(lowest, highest, digits)} }

// add counts n durations of us microseconds. Less than one is one, more than an hour an hour.
func (h *Histogram) add(us, n int64) { _ = h.h.RecordValues(min(max(us, lowest), highest), n) }

// Merge adds what the other holds, which may be nil.
func (h *Histogram) Merge(other *Histogram) {
	if other != nil && other.h.TotalCount() > 0 {
		h.h.Merge(other.h)
	}
}

// Reset empties the histogram.
func (h *Histogram) Reset() { h.h.Reset() }

// Count is how many durations were recorded.
func (h *Histogram) Count() uint64 { return uint64(h.h.TotalCount()) }

// Mean is the mean of all durations.
func (h *Histogram) Mean() time.Duration {
	return time.Duration(h.h.Mean() * float64(time.Microsecond)).Round(100 * time.Nanosecond)
}

// Min is the shortest duration.
func (h *Histogram) Min() time.Duration { return time.Duration(h.h.Min()) * time.Microsecond }

// Max is the longest duration.
func (h *Histogram) Max() time.Duration { return time.Duration(h.h.Max()) * time.Microsecond }

// At is the duration that percent of all do not exceed.
func (h *Histogram) At(percent float64) time.Duration {
	return time.Duration(h.h.ValueAtQuantile(percent)) * time.Microsecond
}

// Recorder fills a histogram. The zero value is ready; it takes memory with its first value.
type Recorder struct {
	h     *Histogram
	value int64
	n     int64
}

// Add records us microseconds.
func (r *Recorder) Add(us int64) {
	if us == r.value {
		r.n++
		return
	}
	r.put()
	r.value, r.n = us, 1
}

func (r *Recorder) put() {
	if r.n == 0 {
		return
	}
	if r.h == nil {
		r.h = New()
	}
	r.h.add(r.value, r.n)
	r.n = 0
}

// Swap returns what was recorded, nil for nothing at all, and goes on with spare, which is empty or nil.
func (r *Recorder) Swap(spare *Histogram) *Histogram {
	r.put()
	if r.h == nil {
		r.h = spare
		return nil
	}
	full := r.h
	r.h = spare
	return full
}
