package bench

import "fmt"

// Kinds of faults, one for each counter of Faults.
type fault int

const (
	lost fault = iota
	duplicated
	reordered
	corrupted
	unasked
	refused
	dropped
	protocol
	stalled
	faultKinds
)

// samplesPerKind is how many faults of a kind each lane puts into words.
const samplesPerKind = 3

// faultBook counts a lane's faults and keeps the first few of each kind in words.
type faultBook struct {
	counts  [faultKinds]uint64
	samples [faultKinds][]string
}

// note counts a fault.
func (b *faultBook) note(kind fault, format string, args ...any) { b.notes(kind, 1, format, args...) }

// notes counts n faults that are told as one.
func (b *faultBook) notes(kind fault, n uint64, format string, args ...any) {
	if n == 0 {
		return
	}
	b.counts[kind] += n
	if len(b.samples[kind]) < samplesPerKind {
		b.samples[kind] = append(b.samples[kind], fmt.Sprintf(format, args...))
	}
}

func (b *faultBook) total() (n uint64) {
	for _, c := range b.counts {
		n += c
	}
	return n
}

// addTo adds the book to a report's faults.
func (b *faultBook) addTo(f *Faults) {
	for kind, to := range []*uint64{
		lost: &f.Lost, duplicated: &f.Duplicates, reordered: &f.Reordered, corrupted: &f.Corrupted, unasked: &f.Unasked,
		refused: &f.Refused, dropped: &f.Dropped, protocol: &f.Protocol, stalled: &f.Stalled,
	} {
		*to += b.counts[kind]
		f.Samples = append(f.Samples, b.samples[kind]...)
	}
}
