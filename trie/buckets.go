package trie

import "math/bits"

// buckets are the heads of hash chains that grow and shrink by one at a time (linear hashing), so that a tree
// with millions of nodes never stops to rehash. The links of the chains are the tree's. No lock.
type buckets struct {
	heads slab[uint32]
	n     uint32 // heads in use; the slab may have more
	count uint32 // nodes in the chains
}

const bucketsChunk = 10

func (b *buckets) head(hash uint32) *uint32 {
	mask := uint32(1)<<bits.Len32(b.n-1) - 1
	i := hash & mask
	if i >= b.n {
		i &= mask >> 1
	}
	return b.heads.at(i)
}

// grow makes room for one more node. When that splits a chain, from and to are its old and new head: nodes with
// hash&mask == n belong to the new one from now on.
func (b *buckets) grow() (from, to *uint32, mask, n uint32) {
	b.count++
	if b.count <= b.n {
		return nil, nil, 0, 0
	}
	if b.n == b.heads.n {
		b.heads.shift = bucketsChunk
		b.heads.add()
	}
	n = b.n
	b.n++
	if n == 0 {
		return nil, nil, 0, 0
	}
	mask = uint32(1)<<bits.Len32(n) - 1
	return b.heads.at(n & (mask >> 1)), b.heads.at(n), mask, n
}

// shrink takes one node's room away. When that ends a chain, from is its head and to the one that takes over.
func (b *buckets) shrink() (from, to *uint32) {
	b.count--
	if b.n <= slabStart || b.count > b.n/2 {
		return nil, nil
	}
	b.n--
	mask := uint32(1)<<bits.Len32(b.n) - 1
	return b.heads.at(b.n), b.heads.at(b.n & (mask >> 1))
}
