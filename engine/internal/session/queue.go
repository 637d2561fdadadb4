package session

// Queue is a first-in first-out queue of deliveries that wait for the window or for a connection. It is one word while
// it is empty.
//
// What has come back from the store and was not read yet lies in a list of its own, in a third of the memory and without
// a pointer. It is older than all that came since; what was read of it is older still. So a queue is, from the oldest on:
// what was read, what is in the store only, what came since.
type Queue struct{ r *ring }

type ring struct {
	list  []Delivery // its length is a power of two
	head  uint32
	n     uint32
	bytes int // of all, in the store or not
	away  *away
}

// Len is the number of deliveries that wait.
func (q *Queue) Len() int {
	if q.r == nil {
		return 0
	}
	return int(q.r.n) + q.r.away.len()
}

// Bytes is the content size of the messages that wait.
func (q *Queue) Bytes() int {
	if q.r == nil {
		return 0
	}
	return q.r.bytes
}

// Push appends a delivery.
func (q *Queue) Push(d Delivery) {
	if q.r == nil {
		q.r = &ring{}
	}
	r := q.r
	if int(r.n) == len(r.list) {
		r.grow(int(r.n) + 1)
	}
	r.n++
	*r.at(r.n - 1) = d
	r.bytes += int(d.Size)
}

// grow makes room for n deliveries.
func (r *ring) grow(n int) {
	size := max(8, 2*len(r.list))
	for size < n {
		size *= 2
	}
	grown := make([]Delivery, size)
	for i := range r.n {
		grown[i] = *r.at(i)
	}
	r.list, r.head = grown, 0
}

func (r *ring) at(i uint32) *Delivery { return &r.list[(r.head+i)&uint32(len(r.list)-1)] }

// Front is the oldest delivery; valid until the next call. Of one that is in the store only it says nothing but that:
// there is no message.
func (q *Queue) Front() *Delivery {
	if q.r.away.first() {
		return &nothing
	}
	return q.r.at(0)
}

var nothing Delivery // nobody changes it

// Pop takes the oldest delivery off. Of one that is in the store only its Aside says nothing.
func (q *Queue) Pop() (d Delivery) {
	r := q.r
	if r.away.first() {
		d = r.away.pop()
	} else {
		front := r.at(0)
		d = *front
		*front = Delivery{}
		r.head++
		r.n--
		r.away.passed()
	}
	r.bytes -= int(d.Size)
	q.trim()
	return d
}

// PopLast takes the newest delivery off, which is not one that is in the store only.
func (q *Queue) PopLast() Delivery {
	r := q.r
	last := r.at(r.n - 1)
	d := *last
	*last = Delivery{}
	r.n--
	r.bytes -= int(d.Size)
	q.trim()
	return d
}

// trim lets go of what is empty.
func (q *Queue) trim() {
	if q.r.away.len() == 0 {
		q.r.away = nil
		if q.r.n == 0 {
			q.r = nil
		}
	}
}

// Each visits the deliveries, oldest first. d is good until visit returns; of those that are in the store only it is a copy.
func (q *Queue) Each(visit func(d *Delivery)) {
	r := q.r
	if r == nil {
		return
	}
	if r.away == nil {
		for i := range r.n {
			visit(r.at(i))
		}
		return
	}
	for i := range r.away.behind {
		visit(r.at(i))
	}
	v := takeView()
	for i := range r.away.list {
		visit(v.of(r.away, i))
	}
	v.giveBack()
	for i := r.away.behind; i < r.n; i++ {
		visit(r.at(i))
	}
}

// Filter keeps the deliveries for which keep says true; the others are keep's to release.
func (q *Queue) Filter(keep func(d *Delivery) bool) { q.Sweep(0, q.Len(), keep) }

// sent is the highest number of what was sent before. That came back from the store, or from the process before, so it is
// the oldest there is.
func (q *Queue) sent() (seq uint64) {
	r := q.r
	if r == nil {
		return 0
	}
	end := r.n
	if r.away != nil {
		seq, end = r.away.sent(), r.away.behind
	}
	for i := range end {
		d := r.at(i)
		if !d.Again {
			break
		}
		seq = max(seq, d.Seq)
	}
	return seq
}
