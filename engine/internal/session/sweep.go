package session

// Sweep looks at n deliveries, of which the oldest is at place from, and takes those out for which keep says false; they
// are keep's to release. It tells how many of them stay. Of the others no more than half are moved.
func (q *Queue) Sweep(from, n int, keep func(d *Delivery) bool) (stay int) {
	r := q.r
	if r == nil || from >= int(r.n) {
		return 0
	}
	first, end := uint32(from), uint32(min(from+n, int(r.n)))
	to := first
	for i := first; i < end; i++ {
		d := r.at(i)
		if size := int(d.Size); !keep(d) {
			r.bytes -= size
			continue
		}
		if to != i {
			*r.at(to) = *d
		}
		to++
	}
	if stay = int(to - first); to < end {
		r.close(to, end)
	}
	if r.n == 0 {
		q.r = nil
	}
	return stay
}

// close takes the places from to end out.
func (r *ring) close(from, end uint32) {
	gap := end - from
	if from < r.n-end {
		for i := from; i > 0; i-- {
			*r.at(i - 1 + gap) = *r.at(i - 1)
		}
		for i := range gap {
			*r.at(i) = Delivery{}
		}
		r.head += gap
	} else {
		for i := end; i < r.n; i++ {
			*r.at(i - gap) = *r.at(i)
		}
		for i := r.n - gap; i < r.n; i++ {
			*r.at(i) = Delivery{}
		}
	}
	r.n -= gap
}
