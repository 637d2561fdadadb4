package trie

import "sync/atomic"

// Index says who subscribed to what matches a topic. It may be used from any goroutine; but what is done for
// one Ref is the business of that Ref's owner, one call at a time.
//
// All filters are in one hash table, cut into shards by their key. A topic is looked up under the key of each
// shape that filters have (which levels are '+', how many there are, whether '#' follows): a handful of probes,
// whose number is limited; see shapes. There are no pointers, so that the garbage collector has nothing to do.
type Index struct {
	keys   *keys
	gens   *[1 << 16]atomic.Uint32 // one for each route.gen
	shards [shardCount]shard
	shapes shapes
	deep   deep
	_      [64]byte
	all    atomic.Uint64 // changes of any kind
	_      [56]byte
}

const (
	shardCount = 256
	fallback   = shardCount // the shard number of the fallback's handles
)

// Handle names a filter's entry while anyone subscribes to it; 0 names nothing. Once the last subscription of
// the filter has gone it names nothing either, whatever takes the entry's place. It is good for the Ref that got
// it: another one may have its subscription to the same filter in another entry.
type Handle uint64

// A handle is, from the low bits, the entry's number+1 (24), the shard (9), the entry's generation (15) and 16
// bits of the filter's hash.
func handleOf(shard, i uint32, e *entry) Handle {
	return Handle(i+1) | Handle(shard)<<24 | Handle(e.meta>>1)<<33 | Handle(e.hash>>16)<<48
}

func (h Handle) shard() uint32 { return uint32(h>>24) & 511 }

// entry returns what h names in its shard; nil when that is gone.
func (en *entries) named(h Handle) (i uint32, e *entry) {
	i = uint32(h)&(1<<24-1) - 1
	if i >= en.slab.n {
		return 0, nil
	}
	e = en.slab.at(i)
	if e.length == 0 || handleOf(h.shard(), i, e) != h {
		return 0, nil
	}
	return i, e
}

// NewIndex returns an empty index.
func NewIndex() *Index { return newIndex(processKeys) }

func newIndex(k *keys) *Index {
	x := &Index{keys: k, gens: new([1 << 16]atomic.Uint32)}
	x.shapes.init()
	x.deep.init(k)
	return x
}

func (x *Index) shard(key uint64) *shard { return &x.shards[key>>56] }

// Subscribe adds s to filter, or replaces what s.Ref had there and returns it. h is 0 when the filter is not
// valid or when the index is full, which is 16 million filters in one of 256 shards.
func (x *Index) Subscribe(filter []byte, s Sub) (h Handle, old Sub, existed bool) {
	if !ValidFilter(filter) {
		return 0, Sub{}, false
	}
	r := x.keys.route(filter)
	h, old, existed = x.subscribe(&r, filter, s)
	if h != 0 {
		x.bump(r.gen)
	}
	return h, old, existed
}

func (x *Index) subscribe(r *route, filter []byte, s Sub) (h Handle, old Sub, existed bool) {
	if r.deep {
		h, old, existed, _ = x.deep.subscribe(uint32(r.key), filter, s)
		return h, old, existed
	}
	use, deep := x.shapes.acquire(r.shape)
	var ok bool
	switch {
	case deep:
		h, old, existed, ok = x.deep.subscribe(uint32(r.key), filter, s)
	case use.deep.Load() > 0:
		if h, old, existed = x.deep.replace(filter, s); existed {
			break
		}
		fallthrough
	default:
		sh := x.shard(r.key)
		var i uint32
		var e *entry
		sh.mu.Lock()
		if i, e, old, existed, ok = sh.subscribe(uint32(r.key), filter, s); ok {
			h = handleOf(uint32(r.key>>56), i, e)
		}
		sh.mu.Unlock()
	}
	if existed || !ok {
		x.shapes.release(r.shape, deep)
	}
	return h, old, existed
}

// Unsubscribe takes ref's subscription out of filter and returns it. h is the handle the filter had.
func (x *Index) Unsubscribe(filter []byte, ref uint32) (h Handle, old Sub, ok bool) {
	if !ValidFilter(filter) {
		return 0, Sub{}, false
	}
	r := x.keys.route(filter)
	deep := r.deep
	if !deep {
		use := x.shapes.plan.Load().find(r.shape)
		if use != nil {
			h, old, ok = x.fromShard(&r, filter, ref)
		}
		deep = !ok && x.deep.count.Load() > 0
	}
	if deep {
		h, old, ok = x.deep.unsubscribe(filter, ref)
	}
	if ok {
		x.ended(&r, deep)
	}
	return h, old, ok
}

func (x *Index) fromShard(r *route, filter []byte, ref uint32) (h Handle, old Sub, ok bool) {
	sh := x.shard(r.key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	i, at := sh.lookup(uint32(r.key), filter)
	if at < 0 {
		return 0, Sub{}, false
	}
	h = handleOf(uint32(r.key>>56), i, sh.slab.at(i))
	old, ok = sh.unsubscribe(i, ref)
	return h, old, ok
}

// ended settles the accounts of a subscription that is gone.
func (x *Index) ended(r *route, deep bool) {
	x.bump(r.gen)
	if !r.deep {
		x.shapes.release(r.shape, deep)
	}
}

// Remove is Unsubscribe by handle.
func (x *Index) Remove(h Handle, ref uint32) (old Sub, ok bool) {
	var r route
	shard := h.shard()
	switch {
	case shard < shardCount:
		sh := &x.shards[shard]
		sh.mu.Lock()
		i, e := sh.named(h)
		if e != nil {
			r = x.keys.route(sh.filter(e))
			old, ok = sh.unsubscribe(i, ref)
		}
		sh.mu.Unlock()
	case shard == fallback:
		d := &x.deep
		d.mu.Lock()
		i, e := d.named(h)
		if e != nil {
			r = x.keys.route(d.path(e.name, nil))
			old, ok = d.take(i, ref)
		}
		d.mu.Unlock()
	}
	if ok {
		x.ended(&r, shard == fallback)
	}
	return old, ok
}

// Get returns ref's subscription and the filter, appended to dst.
func (x *Index) Get(h Handle, ref uint32, dst []byte) (filter []byte, s Sub, ok bool) {
	switch shard := h.shard(); {
	case shard < shardCount:
		sh := &x.shards[shard]
		sh.mu.RLock()
		defer sh.mu.RUnlock()
		if _, e := sh.named(h); e != nil {
			if s, ok = sh.get(e, ref); ok {
				dst = append(dst, sh.filter(e)...)
			}
		}
	case shard == fallback:
		d := &x.deep
		d.mu.RLock()
		defer d.mu.RUnlock()
		if _, e := d.named(h); e != nil {
			if s, ok = d.entries.get(e, ref); ok {
				dst = d.path(e.name, dst)
			}
		}
	}
	return dst, s, ok
}

// bump tells the caches that something under this generation has changed. The change itself comes before.
func (x *Index) bump(gen uint16) {
	x.gens[gen].Add(1)
	x.all.Add(1)
}
