package engine

// spares keeps the memory of lists that were emptied for those that are filled next. With a store there are some for
// each batch, and without spares they were most of what a durable message allocated.
type spares[T any] struct{ lists [][]T }

// What is kept: as many lists as there may be connections that wait at the same time, where that is not a crowd, and none
// that an exception has made large.
const (
	sparesKept = 256
	spareSize  = 1024
)

// take is an empty list, with memory when there is some.
func (s *spares[T]) take() (list []T) {
	if n := len(s.lists); n > 0 {
		list, s.lists[n-1] = s.lists[n-1], nil
		s.lists = s.lists[:n-1]
	}
	return list
}

// give takes back a list that nobody uses any more.
func (s *spares[T]) give(list []T) {
	if cap(list) == 0 || cap(list) > spareSize || len(s.lists) == sparesKept {
		return
	}
	clear(list)
	s.lists = append(s.lists, list[:0])
}
