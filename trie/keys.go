package trie

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"math/rand/v2"

	"github.com/cespare/xxhash/v2"
)

const (
	maxLevels    = 32 // levels a shape has bits for; filters with more are in the fallback
	prefixLevels = 8  // levels of a filter's literal prefix that its generation looks at
)

// keys turns filters and topics into hashes. A filter's key is a sum over its levels, each multiplied by a
// number of its position, so that the key of one shape is had from the sum over all levels by exchanging
// those where the shape has '+'. xxhash of the sum then says which shard and where in it.
//
// Everything is drawn anew in each process. xxhash alone, even with a seed, would not do for the levels: there
// are pairs of 16 bytes that collide under every seed, and whoever knows them could pile thousands of filters on
// one key. The levels are therefore hashed by the runtime's keyed hash.
type keys struct {
	seed       maphash.Seed
	place      [maxLevels]uint64 // odd
	plus, hash uint64            // what stands for "+", what is added for "/#"
	child, mix uint64            // odd; for the children of a node, see tree
}

var processKeys = newKeys()

func newKeys() *keys {
	k := &keys{seed: maphash.MakeSeed(), plus: rand.Uint64(), hash: rand.Uint64(), child: rand.Uint64() | 1, mix: rand.Uint64() | 1}
	for i := range k.place {
		k.place[i] = rand.Uint64() | 1
	}
	return k
}

func (k *keys) level(level []byte) uint64 { return maphash.Bytes(k.seed, level) }

// finish makes the key out of a sum. Its low half is the hash within a shard, its top byte the shard.
func finish(sum uint64) uint64 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], sum)
	return xxhash.Sum64(b[:])
}

// shape is what is left of a filter when its literal levels are taken away.
type shape struct {
	plus   uint32 // bit i: level i is "+"
	levels uint8  // without a last "#"
	hash   bool   // ends in "#"
}

// wildFirst: such filters do not see topics that begin with '$'.
func (s shape) wildFirst() bool { return s.plus&1 != 0 || s.hash && s.levels == 0 }

// route is what a filter's bytes say about where it lives.
type route struct {
	shape shape
	deep  bool   // more levels than a shape has bits for: shape and key say nothing
	key   uint64 // of the filter
	gen   uint16 // the generation that a change of it bumps
}

// route reads a valid filter.
func (k *keys) route(filter []byte) (r route) {
	var sum, prefix uint64
	literal := true // up to here
	rest := filter
	for i := 0; ; i++ {
		end := bytes.IndexByte(rest, '/')
		level := rest
		if end >= 0 {
			level = rest[:end]
		}
		if len(level) == 1 && level[0] == '#' {
			r.shape.hash, literal = true, false
			sum += k.hash
			break
		}
		if i == maxLevels {
			r.deep = true
			break
		}
		term := k.plus
		if len(level) == 1 && level[0] == '+' {
			r.shape.plus |= 1 << i
			literal = false
		} else {
			term = k.level(level)
		}
		sum += term * k.place[i]
		if literal && i < prefixLevels {
			prefix = sum
		}
		r.shape.levels = uint8(i + 1)
		if end < 0 {
			break
		}
		rest = rest[end+1:]
	}
	r.key = finish(sum)
	if literal && (!r.deep || bytes.IndexByte(rest, '+') < 0 && !bytes.HasSuffix(rest, []byte{'#'})) {
		r.gen = exactGen(xxhash.Sum64(filter))
	} else {
		r.gen = prefixGen(prefix)
	}
	return r
}

// exactGen is the generation of filters without wildcards; hash is xxhash of all of it.
func exactGen(hash uint64) uint16 { return uint16(hash >> 48) }

// prefixGen is the generation of filters with wildcards; sum is that of their literal prefix.
func prefixGen(sum uint64) uint16 { return uint16(bits.RotateLeft64(sum*0x9E3779B97F4A7C15, 16)) }

// spread is a topic made ready for shapes.
type spread struct {
	n     int                   // levels, at most maxLevels+1 ("more")
	sum   [maxLevels + 1]uint64 // sum[i]: over the first i levels
	trade [maxLevels]uint64     // what to add for "+" in place of level i
}

func (k *keys) spread(topic []byte, to *spread) {
	n, start, sum := 0, 0, uint64(0)
	for i := 0; i <= len(topic); i++ {
		if i < len(topic) && topic[i] != '/' {
			continue
		}
		if n == maxLevels {
			n++
			break
		}
		term := k.level(topic[start:i])
		to.trade[n] = (k.plus - term) * k.place[n]
		sum += term * k.place[n]
		n++
		to.sum[n] = sum
		start = i + 1
	}
	to.n = n
}

// key is that of the filter of this shape which matches the topic.
func (t *spread) key(s shape, hash uint64) uint64 {
	sum := t.sum[s.levels&63]
	for m := s.plus; m != 0; m &= m - 1 {
		sum += t.trade[bits.TrailingZeros32(m)&31]
	}
	if s.hash {
		sum += hash
	}
	return finish(sum)
}

// prefixes appends the sums of the topic's first 0, 1, 2 … levels, as far as generations look.
func (k *keys) prefixes(topic []byte, dst []uint64) []uint64 {
	sum := uint64(0)
	dst = append(dst, sum)
	for i := 0; i < prefixLevels; i++ {
		end := bytes.IndexByte(topic, '/')
		level := topic
		if end >= 0 {
			level = topic[:end]
		}
		sum += k.level(level) * k.place[i]
		dst = append(dst, sum)
		if end < 0 {
			break
		}
		topic = topic[end+1:]
	}
	return dst
}
