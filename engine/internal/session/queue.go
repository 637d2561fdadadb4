package session

// Queue is a first-in first-out ring of deliveries that wait for the window or for a connection. It takes no memory
// while it is empty.
type Queue struct {
	ring  []Delivery
	head  uint32
	n     uint32
	bytes int
}

// Len is the number of deliveries that wait.
func (q *Queue) Len() int { return int(q.n) }

// Bytes is the content size of the messages that wait.
func (q *Queue) Bytes() int { return q.bytes }

// Push appends a delivery.
func (q *Queue) Push(d Delivery) {
	if int(q.n) == len(q.ring) {
		grown := make([]Delivery, max(8, 2*len(q.ring)))
		for i := range q.n {
			grown[i] = q.ring[(q.head+i)%uint32(len(q.ring))]
		}
		q.ring, q.head = grown, 0
	}
	q.ring[(q.head+q.n)&uint32(len(q.ring)-1)] = d
	q.n++
	q.bytes += int(d.Size)
}

// Front is the oldest delivery; valid until the next call.
func (q *Queue) Front() *Delivery { return &q.ring[q.head] }

// Pop takes the oldest delivery off.
func (q *Queue) Pop() Delivery {
	d := q.ring[q.head]
	q.ring[q.head] = Delivery{}
	q.head = (q.head + 1) & uint32(len(q.ring)-1)
	q.n--
	q.bytes -= int(d.Size)
	if q.n == 0 {
		q.ring, q.head, q.bytes = nil, 0, 0
	}
	return d
}

// Each visits the deliveries, oldest first.
func (q *Queue) Each(visit func(d *Delivery)) {
	for i := range q.n {
		visit(&q.ring[(q.head+i)&uint32(len(q.ring)-1)])
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
