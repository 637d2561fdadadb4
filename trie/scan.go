package trie

// Scan shows values to visit and deletes those it says to drop: a sweep in small pieces over everything. It
// starts with cursor 0 and goes on with what the last call returned; 0 means that all have been seen. limit
// bounds the values visited. What is there from the beginning of a sweep to its end is visited once. topic and
// value are valid until visit returns; a lock is held, so it must be short and must not call r.
func (r *Retained) Scan(cursor uint64, limit int, visit func(topic, value []byte) (drop bool)) (next uint64) {
	var topic []byte
	limit = max(limit, 1)
	budget := limit*scanNodes + scanBatch
	for shard, from := cursor>>32, uint32(cursor); shard < retainedShards; shard, from = shard+1, 0 {
		s := &r.shards[shard]
		for more := true; more; {
			if limit <= 0 || budget <= 0 {
				return shard<<32 | uint64(max(from, 1))
			}
			from, limit, more = s.scan(max(from, 1), limit, &topic, func(topic, value []byte) bool {
				drop := visit(topic, value)
				if drop {
					r.content.Add(-int64(len(topic)) - int64(len(value)))
				}
				return drop
			})
			budget -= scanBatch
		}
	}
	return 0
}

const (
	scanBatch = 64 // nodes to look at under one lock
	scanNodes = 8  // nodes to look at for each value that may be visited
)

// scan visits the values among the next nodes; more says that there are further ones.
func (s *retainedShard) scan(from uint32, limit int, topic *[]byte, visit func(topic, value []byte) (drop bool)) (next uint32, left int, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tidy(tidyStep)
	for end := min(from+scanBatch, s.nodes.n); from < end && limit > 0; from++ {
		n := s.node(from)
		if n.flags&nodeValue == 0 {
			continue
		}
		limit--
		*topic = s.path(from, (*topic)[:0])
		if visit(*topic, s.value(n)) {
			s.drop(from)
		}
	}
	return from, limit, from < s.nodes.n
}
