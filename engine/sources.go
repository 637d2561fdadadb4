package engine

import (
	"hash/maphash"
	"net/netip"
	"sync"
)

// source is what counts as one source: an address, or for IPv6 the network that one subscriber has.
func source(a netip.Addr) netip.Addr {
	if a = a.Unmap().WithZone(""); a.Is6() {
		p, _ := a.Prefix(64)
		return p.Addr()
	}
	return a
}

// sources counts connections whose CONNECT is not answered, and what is kept of them, by their source.
type sources struct {
	seed   maphash.Seed
	shards [16]sourceShard
}

type sourceShard struct {
	mu sync.Mutex
	m  map[netip.Addr]unknown
	_  [40]byte
}

type unknown struct{ conns, bytes int64 }

func newSources() *sources {
	s := &sources{seed: maphash.MakeSeed()}
	for i := range s.shards {
		s.shards[i].m = map[netip.Addr]unknown{}
	}
	return s
}

func (s *sources) shard(a netip.Addr) *sourceShard {
	return &s.shards[maphash.Comparable(s.seed, a)%uint64(len(s.shards))]
}

// enter counts one more connection, unless there are as many as there may be; most 0 is any number.
func (s *sources) enter(a netip.Addr, most int64) bool {
	sh := s.shard(a)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	u := sh.m[a]
	if most > 0 && u.conns >= most {
		return false
	}
	u.conns++
	sh.m[a] = u
	return true
}

func (s *sources) leave(a netip.Addr) {
	sh := s.shard(a)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	u := sh.m[a]
	if u.conns--; u.conns <= 0 {
		delete(sh.m, a)
		return
	}
	sh.m[a] = u
}

// weigh counts more bytes, or fewer, of a source, and says how many there are.
func (s *sources) weigh(a netip.Addr, more int64) int64 {
	sh := s.shard(a)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	u, ok := sh.m[a]
	if !ok {
		return 0
	}
	u.bytes += more
	sh.m[a] = u
	return u.bytes
}
