package proc

import "time"

// threads adds up the CPU time of a process's threads. The kernel forgets a thread with its end, so what it was last seen
// with is kept: the sum never goes backwards.
type threads struct {
	alive map[int]time.Duration
	ended time.Duration
}

// add takes one reading of all threads that there are, and returns the time of all that there were.
func (t *threads) add(now map[int]time.Duration) time.Duration {
	for id, last := range t.alive {
		if cpu, still := now[id]; !still || cpu < last { // less than before: another thread was given the number
			t.ended += last
		}
	}
	t.alive = now
	sum := t.ended
	for _, cpu := range now {
		sum += cpu
	}
	return sum
}
