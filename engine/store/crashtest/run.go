package crashtest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"
)

// rounds are the stories by their kinds.
var rounds = map[string]func(*Subject, *rand.Rand) error{
	"power": cutPower,
	"tail":  tearTail,
	"eio":   breakDisk,
	"full":  runOutOfRoom,
	"holes": damageSealed,
	"kill":  killProcess,
	"warm":  handOver,
	Images:  cutImage,
}

// Images is the kind of rounds that need ImagesWork.
const Images = "image"

// Kinds lists the kinds of rounds that work everywhere.
func Kinds() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(rounds)), func(kind string) bool { return kind == Images })
}

// Round tells the story of a seed. An error says what the store did that it must not do, or that the story could not be told.
func Round(s *Subject, kind string, seed uint64) error { return tell(s, rounds[kind], seed) }

// tell takes a panic of the store for a violation.
func tell(s *Subject, round func(*Subject, *rand.Rand) error, seed uint64) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = violated("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return round(s, rand.New(rand.NewPCG(seed, 0)))
}

// Report is what many rounds have found.
type Report struct {
	Rounds     map[string]int
	Violations []Violation
	Batches    uint64 // that were written; those of child processes are not counted
	Reclaimed  uint64 // segments
	Took       time.Duration
}

// Violation is a round that has found something.
type Violation struct {
	Kind string
	Seed uint64
	Err  error
}

func (v Violation) String() string { return fmt.Sprintf("%s, seed %d: %v", v.Kind, v.Seed, v.Err) }

// Run tells stories of these kinds in turn, so many at once, with seeds from a first one on, until their time is over.
func Run(s *Subject, kinds []string, seed uint64, atOnce int, d time.Duration) *Report {
	rep := &Report{Rounds: map[string]int{}}
	began := time.Now()
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := 0
	for range atOnce {
		wg.Go(func() {
			for {
				mu.Lock()
				n := next
				next++
				mu.Unlock()
				// Each kind has its turn, however short the time.
				if n >= len(kinds) && time.Since(began) > d {
					return
				}
				kind, seed := kinds[n%len(kinds)], seed+uint64(n/len(kinds))
				err := Round(s, kind, seed)
				mu.Lock()
				if rep.Rounds[kind]++; err != nil {
					rep.Violations = append(rep.Violations, Violation{kind, seed, err})
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	rep.Took, rep.Batches, rep.Reclaimed = time.Since(began), s.batches.Load(), s.reclaimed.Load()
	return rep
}

// String lists the rounds and what was found.
func (r *Report) String() string {
	var b strings.Builder
	total := 0
	for _, kind := range slices.Sorted(maps.Keys(r.Rounds)) {
		fmt.Fprintf(&b, "%-8s %6d rounds\n", kind, r.Rounds[kind])
		total += r.Rounds[kind]
	}
	fmt.Fprintf(&b, "%-8s %6d rounds in %v: %d batches, %d segments reclaimed, %d violations", "all", total, r.Took.Round(time.Second), r.Batches,
		r.Reclaimed, len(r.Violations))
	for _, v := range r.Violations {
		fmt.Fprintf(&b, "\n%v", v)
	}
	return b.String()
}
