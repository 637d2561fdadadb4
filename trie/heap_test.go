package trie

import (
	"bytes"
	"testing"
)

func TestClassesHoldWhatTheyAreFor(t *testing.T) {
	for n := 1; n <= heapMax; n++ {
		c := classOf(n)
		if c < 0 || c >= heapClasses || classSize(c) < n || c > 0 && classSize(c-1) >= n {
			t.Fatalf("%d bytes go to class %d of %d bytes", n, c, classSize(max(c, 0)))
		}
		if waste := classSize(c) - n; waste > max(7, n/8) {
			t.Errorf("%d bytes lose %d", n, waste)
		}
	}
}

func TestHeapKeepsBlocksApartAndGivesThemBack(t *testing.T) {
	var h heap
	r := newRand(t, 1)
	type block struct {
		ref  ref
		want []byte
	}
	var blocks []block
	check := func(b block) {
		t.Helper()
		if got := h.view(b.ref, len(b.want)); !bytes.Equal(got, b.want) {
			t.Fatalf("block %x of %d bytes holds %.20x, want %.20x", b.ref, len(b.want), got, b.want)
		}
	}
	for step := range 40_000 {
		if grow := step/4000%2 == 0; len(blocks) == 0 || (r.IntN(3) > 0) == grow {
			want := bytes.Repeat([]byte{byte(r.Uint32())}, r.IntN(120))
			if r.IntN(20) == 0 {
				want = bytes.Repeat([]byte{byte(r.Uint32())}, r.IntN(3000))
			}
			blocks = append(blocks, block{h.put(want), want})
		} else {
			k := r.IntN(len(blocks))
			check(blocks[k])
			h.free(blocks[k].ref)
			blocks[k] = blocks[len(blocks)-1]
			blocks = blocks[:len(blocks)-1]
		}
	}
	for _, b := range blocks {
		check(b)
		h.free(b.ref)
	}
	if h.blocksInUse() != 0 {
		t.Errorf("%d blocks in use after all were freed", h.blocksInUse())
	}
	kept := 0
	for _, p := range h.pages {
		kept += len(p.buf)
	}
	if kept != h.bytes || kept > heapClasses*2*pageTarget {
		t.Errorf("the empty heap keeps %d bytes and counts %d", kept, h.bytes)
	}
}
