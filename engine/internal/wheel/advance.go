package wheel

import mathbits "math/bits"

// Advance moves the present to tick now and fires what is due, tick by tick. The timer is free before fire is
// called with its data, and fire may Add, Del and Reset.
//
// One call does a bounded amount of work: a bucket with a hundred thousand timers moves down, or fires, in
// slices. more says that something is left: call again soon, after other events had their turn.
func (w *Wheel) Advance(now uint32, fire func(data uint64)) (more bool) {
	left := budget
	for {
		// From the top down: what leaves level 2 may be due at once.
		if left = w.drain(cascade+1, left, nil); left <= 0 {
			return true
		}
		if left = w.drain(cascade, left, nil); left <= 0 {
			return true
		}
		if left = w.drain(due, left, fire); left <= 0 {
			return true
		}
		if int32(now-w.now) <= 0 {
			return false
		}
		if w.n == 0 {
			w.now = now
			return false
		}
		next := w.next()
		if int32(now-next) < 0 {
			w.now = now
			return false
		}
		w.tick(next)
		left--
	}
}

// next is the next tick that has something to do: a bucket of level 0 in use, or else level 1 coming round.
func (w *Wheel) next() uint32 {
	from := w.now&mask + 1
	for word := from / 64; word < uint32(len(w.used)); word++ {
		set := w.used[word]
		if word == from/64 {
			set &= ^uint64(0) << (from % 64)
		}
		if set != 0 {
			return w.now&^mask | word*64 | uint32(mathbits.TrailingZeros64(set))
		}
	}
	return w.now&^mask + buckets
}

// tick begins tick now: its bucket becomes due, and where a level has come round the next bucket of
// the level above moves down.
func (w *Wheel) tick(now uint32) {
	w.now = now
	if now&mask == 0 {
		if now>>bits&mask == 0 {
			w.splice(firstList+2*buckets+now>>(2*bits)&mask, cascade+1)
		}
		w.splice(firstList+buckets+now>>bits&mask, cascade)
	}
	w.splice(firstList+now&mask, due)
	w.used[now&mask/64] &^= 1 << (now % 64)
}

// splice appends the whole list from to the list to.
func (w *Wheel) splice(from, to uint32) {
	f, t := w.node(from), w.node(to)
	if f.next == from {
		return
	}
	w.node(t.prev).next = f.next
	w.node(f.next).prev = t.prev
	w.node(f.prev).next = to
	t.prev = f.prev
	f.next, f.prev = from, from
}

// drain takes the timers off list, fires them or (fire nil) links them anew, and returns what is left of
// the budget. Between calls, and while fire runs, the rest is an ordinary list that Del and Reset work on.
func (w *Wheel) drain(list uint32, left int, fire func(data uint64)) int {
	for left > 0 {
		i := w.node(list).next
		if i == list {
			break
		}
		n := w.node(i)
		w.unlink(i)
		if fire == nil {
			w.link(i, n.at)
			left--
			continue
		}
		data := n.data
		w.release(i)
		fire(data)
		left -= fireCost
	}
	return left
}
