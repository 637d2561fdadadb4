package session

import (
	"sort"
	"sync"
	"time"

	"github.com/penstock-mqtt/penstock/fanout"
)

// Stored is a delivery whose message is in the store only: 32 bytes, no pointer.
type Stored struct {
	Ref     uint64 // the message's name in the store
	Seq     uint64
	Size    uint32
	Expires uint32 // of the message: seconds on the broker's clock, rounded up; 0: never
	ID      uint32 // the one subscription identifier; 0: none, or several
	QoS     uint8
	Retain  bool
	Again   bool
	Shared  bool
}

// away is the part of a queue that is in the store only.
type away struct {
	list   []Stored            // in the order of their numbers
	ids    map[uint64][]uint32 // subscription identifiers of those that have several, by number; nil: none has
	behind uint32              // so many deliveries that were read are older
}

func (a *away) len() int {
	if a == nil {
		return 0
	}
	return len(a.list)
}

// first tells whether the oldest delivery is in the store only.
func (a *away) first() bool { return a != nil && a.behind == 0 }

// passed tells that a delivery left that was read, or came since: with none in the store it says nothing.
func (a *away) passed() {
	if a != nil {
		a.behind--
	}
}

func (a *away) pop() Delivery {
	s := &a.list[0]
	d := s.Delivery()
	delete(a.ids, s.Seq)
	a.list = a.list[1:]
	return d
}

// Delivery is the delivery as far as it is known without its message and its Aside.
func (s *Stored) Delivery() Delivery {
	return Delivery{Open: Open{ID: s.ID, Retain: s.Retain, Again: s.Again, Shared: s.Shared}, Seq: s.Seq, Size: s.Size, QoS: s.QoS}
}

// sent is the highest number of what was sent before: those come first.
func (a *away) sent() uint64 {
	n := sort.Search(len(a.list), func(i int) bool { return !a.list[i].Again })
	if n == 0 {
		return 0
	}
	return a.list[n-1].Seq
}

// Restore puts into an empty queue what came back from the store, in the order of the numbers, and the subscription
// identifiers of those that have several. Both are the queue's from then on.
func (q *Queue) Restore(list []Stored, ids map[uint64][]uint32) {
	if len(list) == 0 {
		return
	}
	q.r = &ring{away: &away{list: list, ids: ids}}
	for i := range list {
		q.r.bytes += int(list[i].Size)
	}
}

// Doubt says of all that wait that they may have been sent before. Those that expire are left out: what was sent does not expire
// any more, and of the few that may have been sent in the last moment before a crash nobody could tell which.
func (q *Queue) Doubt() {
	r := q.r
	if r == nil {
		return
	}
	for i := range r.n {
		d := r.at(i)
		d.Again = d.Again || !d.expires()
	}
	if r.away != nil {
		for i := range r.away.list {
			s := &r.away.list[i]
			s.Again = s.Again || s.Expires == 0
		}
	}
}

func (d *Delivery) expires() bool {
	return d.Msg != nil && d.Msg.Expires != 0 || d.Msg == nil && d.Aside != nil && d.Aside.Expires != 0
}

// Away tells whether anything that waits is in the store only.
func (q *Queue) Away() bool { return q.r != nil && q.r.away.len() > 0 }

// Unread visits the oldest of what is in the store only, up to n of them.
func (q *Queue) Unread(n int, visit func(s *Stored)) {
	if q.r == nil || q.r.away == nil {
		return
	}
	list := q.r.away.list
	for i := range list[:min(n, len(list))] {
		visit(&list[i])
	}
}

// Read takes in what was read from the store: all up to the number seq, with the message and what else read gives to each.
// Those for which it says false are over. It does nothing while there is something older that was read before.
func (q *Queue) Read(seq uint64, read func(d *Delivery) bool) {
	if q.r == nil || !q.r.away.first() {
		return
	}
	r, a := q.r, q.r.away
	n := sort.Search(len(a.list), func(i int) bool { return a.list[i].Seq > seq })
	if int(r.n)+n > len(r.list) {
		r.grow(int(r.n) + n)
	}
	for i := n; i > 0; i-- { // the last first, since each goes to the front
		s := &a.list[i-1]
		d := s.Delivery()
		if ids := a.ids[s.Seq]; ids != nil {
			d.Aside = &fanout.Aside{IDs: ids}
			delete(a.ids, s.Seq)
		}
		if !read(&d) {
			r.bytes -= int(s.Size)
			continue
		}
		r.head--
		r.n++
		*r.at(0) = d
		a.behind++
	}
	a.list = a.list[n:]
	q.trim()
}

// view is a delivery that is in the store only, as others see it.
type view struct {
	d     Delivery
	aside fanout.Aside
}

// of shows one. It is good until the next is shown.
func (v *view) of(a *away, i int) *Delivery {
	s := &a.list[i]
	v.aside = fanout.Aside{Ref: s.Ref, IDs: a.ids[s.Seq], Expires: time.Duration(s.Expires) * time.Second}
	v.d = s.Delivery()
	v.d.Aside = &v.aside
	return &v.d
}

// Views are lent, because a look at all queues would otherwise make one for each.
var views = sync.Pool{New: func() any { return new(view) }}

func takeView() *view { return views.Get().(*view) }

func (v *view) giveBack() {
	*v = view{}
	views.Put(v)
}
