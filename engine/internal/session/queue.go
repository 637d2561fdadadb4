package session

// Queue is a first-in first-out ring of deliveries that wait for the window or for a connection. It is one word while
// it is empty.
type Queue struct{ r *ring }

type ring struct {
	list  []Delivery // its length is a power of two
	head  uint32
	n     uint32
	bytes int
}

// Len is the number of deliveries that wait.
func (q *Queue) Len() int {
	if q.r == nil {
		return 0
	}
	return int(q.r.n)
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
		grown := make([]Delivery, max(8, 2*len(r.list)))
		for i := range r.n {
			grown[i] = *r.at(i)
		}
		r.list, r.head = grown, 0
	}
	r.n++
	*r.at(r.n - 1) = d
	r.bytes += int(d.Size)
}

func (r *ring) at(i uint32) *Delivery { return &r.list[(r.head+i)&uint32(len(r.list)-1)] }

// Front is the oldest delivery; valid until the next call.
func (q *Queue) Front() *Delivery { return q.r.at(0) }

// Pop takes the oldest delivery off.
func (q *Queue) Pop() Delivery {
	r := q.r
	front := r.at(0)
	d := *front
	*front = Delivery{}
	r.head++
	r.n--
	r.bytes -= int(d.Size)
	if r.n == 0 {
		q.r = nil
	}
	return d
}

// PopLast takes the newest delivery off.
func (q *Queue) PopLast() Delivery {
	r := q.r
	last := r.at(r.n - 1)
	d := *last
	*last = Delivery{}
	r.n--
	r.bytes -= int(d.Size)
	if r.n == 0 {
		q.r = nil
	}
	return d
}

// Each visits the deliveries, oldest first.
func (q *Queue) Each(visit func(d *Delivery)) {
	for i := range uint32(q.Len()) {
		visit(q.r.at(i))
	}
}

// Filter keeps the deliveries for which keep says true; the others are keep's to release.
func (q *Queue) Filter(keep func(d *Delivery) bool) {
	old := *q
	*q = Queue{}
	old.Each(func(d *Delivery) {
		if keep(d) {
			q.Push(*d)
		}
	})
}
