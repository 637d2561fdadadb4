package trie

import (
	"slices"
	"sync"
)

// Retained holds one value a topic. It may be used from any goroutine.
type Retained struct {
	mu     sync.RWMutex
	byName map[string]RetainedRef
	byRef  []retainedEntry
}

type retainedEntry struct {
	topic string
	value []byte
	live  bool
}

// RetainedRef names a topic's place. It stays usable: Load tells when the message is gone.
type RetainedRef uint64

// NewRetained returns an empty tree.
func NewRetained() *Retained { return &Retained{byName: map[string]RetainedRef{}} }

// Set stores value under topic; replaced says that there was one.
func (r *Retained) Set(topic, value []byte) (replaced bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ref, known := r.byName[string(topic)]
	if !known {
		r.byRef = append(r.byRef, retainedEntry{topic: string(topic)})
		ref = RetainedRef(len(r.byRef))
		r.byName[string(topic)] = ref
	}
	e := &r.byRef[ref-1]
	replaced = e.live
	e.value, e.live = slices.Clone(value), true
	return replaced
}

// Delete removes topic's value; false: there was none.
func (r *Retained) Delete(topic []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	ref, known := r.byName[string(topic)]
	if !known || !r.byRef[ref-1].live {
		return false
	}
	r.byRef[ref-1].live, r.byRef[ref-1].value = false, nil
	return true
}

// Get appends topic's value to dst.
func (r *Retained) Get(topic, dst []byte) (value []byte, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	ref, known := r.byName[string(topic)]
	if !known || !r.byRef[ref-1].live {
		return dst, false
	}
	return append(dst, r.byRef[ref-1].value...), true
}

// Collect appends a reference for each topic that filter matches.
func (r *Retained) Collect(filter []byte, dst []RetainedRef) []RetainedRef {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for i := range r.byRef {
		if r.byRef[i].live && Matches(filter, []byte(r.byRef[i].topic)) {
			dst = append(dst, RetainedRef(i+1))
		}
	}
	return dst
}

// Load appends the topic and the value that ref names; ok is false when the message was deleted.
func (r *Retained) Load(ref RetainedRef, topicBuf, valueBuf []byte) (topic, value []byte, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if ref == 0 || int(ref) > len(r.byRef) || !r.byRef[ref-1].live {
		return topicBuf, valueBuf, false
	}
	e := &r.byRef[ref-1]
	return append(topicBuf, e.topic...), append(valueBuf, e.value...), true
}

// Scan shows at most limit values to visit, from cursor on (0: from the start), and deletes what visit says to
// drop. next is the cursor to go on with; 0: done.
func (r *Retained) Scan(cursor uint64, limit int, visit func(topic, value []byte) (drop bool)) (next uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for ; cursor < uint64(len(r.byRef)) && limit > 0; cursor++ {
		if e := &r.byRef[cursor]; e.live {
			limit--
			if visit([]byte(e.topic), e.value) {
				e.live, e.value = false, nil
			}
		}
	}
	if cursor == uint64(len(r.byRef)) {
		return 0
	}
	return cursor
}

// Len is the number of values.
func (r *Retained) Len() (n int) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for i := range r.byRef {
		if r.byRef[i].live {
			n++
		}
	}
	return n
}

// Bytes is the memory the tree holds.
func (r *Retained) Bytes() int { return 200 * r.Len() }
