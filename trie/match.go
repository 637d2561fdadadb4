package trie

// Match appends the subscriptions whose filter matches topic to dst. One Ref may come several times, once for
// each of its filters that match. Who subscribes or unsubscribes meanwhile may be among them or not; whose
// Subscribe has returned before is.
func (x *Index) Match(topic []byte, dst []Sub) []Sub {
	var t spread
	x.keys.spread(topic, &t)
	list := x.shapes.plan.Load()[t.n]
	dollar := len(topic) > 0 && topic[0] == '$'

	// First all keys are tried without a lock, so that the processor waits for the memory of several at once.
	var found [maxShapes]struct {
		key   uint64
		shape shape
	}
	n := 0
	for i := range list {
		sh := list[i].shape
		if dollar && sh.wildFirst() { // [MQTT-4.7.2-1]
			continue
		}
		key := t.key(sh, x.keys.hash)
		if x.shard(key).may(uint32(key)) {
			found[n].key, found[n].shape = key, sh
			n++
		}
	}
	for i := range found[:n] {
		f := &found[i]
		dst = x.shard(f.key).match(uint32(f.key), topic, f.shape, dst)
	}
	if x.deep.count.Load() > 0 {
		dst, _ = x.deep.match(topic, dst)
	}
	return dst
}

// Len is the number of subscriptions.
func (x *Index) Len() int {
	return x.sum(func(en *entries) int { return en.subs })
}

// Filters is the number of different filters.
func (x *Index) Filters() int {
	return x.sum(func(en *entries) int { return en.used })
}

// Bytes is the memory the index holds.
func (x *Index) Bytes() int {
	n := x.sum((*entries).size) + len(x.gens)*4
	for i := range x.shards {
		n += x.shards[i].table.size()
	}
	x.deep.mu.RLock()
	defer x.deep.mu.RUnlock()
	return n + x.deep.tree.bytes()
}

func (x *Index) sum(of func(*entries) int) (n int) {
	for i := range x.shards {
		s := &x.shards[i]
		s.mu.RLock()
		n += of(&s.entries)
		s.mu.RUnlock()
	}
	x.deep.mu.RLock()
	defer x.deep.mu.RUnlock()
	return n + of(&x.deep.entries)
}
