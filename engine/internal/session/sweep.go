package session

import "slices"

// Sweep looks at n deliveries, of which the oldest is at place from, and takes those out for which keep says false; they
// are keep's to release. It tells how many of them stay. Of the others no more than half are moved. What keep changes of a
// delivery that is in the store only is forgotten.
func (q *Queue) Sweep(from, n int, keep func(d *Delivery) bool) (stay int) {
	r := q.r
	if r == nil || from >= q.Len() {
		return 0
	}
	if a := r.away; a != nil {
		if behind := int(a.behind); from < behind {
			look := min(n, behind-from)
			kept := r.sweep(from, look, keep)
			a.behind -= uint32(look - kept)
			from, n, stay = from+kept, n-look, kept
		}
		if at := from - int(a.behind); at < len(a.list) && n > 0 {
			look := min(n, len(a.list)-at)
			kept := r.sweepAway(at, look, keep)
			from, n, stay = from+kept, n-look, stay+kept
		}
		from -= len(a.list)
	}
	if n > 0 {
		stay += r.sweep(from, n, keep)
	}
	q.trim()
	return stay
}

// sweepAway looks at what is in the store only.
func (r *ring) sweepAway(from, n int, keep func(d *Delivery) bool) (stay int) {
	a, v := r.away, takeView()
	defer v.giveBack()
	to := from
	for i := from; i < from+n; i++ {
		if s := a.list[i]; !keep(v.of(a, i)) {
			r.bytes -= int(s.Size)
			delete(a.ids, s.Seq)
			continue
		}
		a.list[to] = a.list[i]
		to++
	}
	if gap := from + n - to; to < len(a.list)-(from+n) { // the front is the shorter part
		copy(a.list[gap:], a.list[:to])
		a.list = a.list[gap:]
	} else {
		a.list = slices.Delete(a.list, to, from+n)
	}
	return to - from
}

// sweep looks at what is in memory.
func (r *ring) sweep(from, n int, keep func(d *Delivery) bool) (stay int) {
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
	if to < end {
		r.close(to, end)
	}
	return int(to - first)
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
