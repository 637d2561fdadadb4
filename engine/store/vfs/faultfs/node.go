package faultfs

import "slices"

const (
	sector = 512  // what a disk writes whole or not at all
	block  = 4096 // what room is given in
)

// node is a file, whatever its name is.
type node struct {
	data    []byte  // as the process sees it
	disk    []byte  // as it is on the disk for certain
	pending []write // what may be there besides, the oldest first
	blocks  []bool  // that it has room for
	names   int     // in the process's view
	handles int
}

// write is what one operation did to a file that is not synced since.
type write struct {
	off   int64  // of image, where a sector begins
	image []byte // the sectors that it touched, as they were behind it; the last may be a part
	size  int64  // of the file, where it was cut or made longer; else -1
}

// write puts p into the file.
func (n *node) write(p []byte, off int64) {
	end := off + int64(len(p))
	if end > int64(len(n.data)) {
		n.data = resize(n.data, end)
	}
	copy(n.data[off:], p)
	from, to := off/sector*sector, min((end+sector-1)/sector*sector, int64(len(n.data)))
	n.pending = append(n.pending, write{off: from, image: slices.Clone(n.data[from:to]), size: -1})
}

func (n *node) truncate(size int64) {
	n.data = resize(n.data, size)
	n.pending = append(n.pending, write{size: size})
}

// sync brings all that was written to the disk.
func (n *node) sync() {
	for _, w := range n.pending {
		n.disk = w.apply(n.disk, nil)
	}
	n.pending = nil
}

// apply gives disk with the sectors of w that came to it; those of chosen, or all when that is nil.
func (w *write) apply(disk []byte, chosen func() bool) []byte {
	if w.size >= 0 {
		if chosen == nil || chosen() {
			disk = resize(disk, w.size)
		}
		return disk
	}
	for at := 0; at < len(w.image); at += sector {
		if chosen == nil || chosen() {
			part := w.image[at:min(at+sector, len(w.image))]
			from := w.off + int64(at)
			disk = resize(disk, max(int64(len(disk)), from+int64(len(part))))
			copy(disk[from:], part)
		}
	}
	return disk
}

// resize gives b with another length, and zeroes where it had nothing.
func resize(b []byte, size int64) []byte {
	if size <= int64(len(b)) {
		return b[:size]
	}
	had := len(b)
	b = slices.Grow(b, int(size)-had)[:size]
	clear(b[had:])
	return b
}

// allocate gives a file room from off on, and says for how many bytes there is some.
func (m *Mem) allocate(n *node, off, size int64) int64 {
	for at := off / block; at*block < off+size; at++ {
		if at < int64(len(n.blocks)) && n.blocks[at] {
			continue
		}
		if m.used+block > m.capacity {
			return max(at*block-off, 0)
		}
		for at >= int64(len(n.blocks)) {
			n.blocks = append(n.blocks, false)
		}
		n.blocks[at] = true
		m.used += block
	}
	return size
}

// release takes a file's room from size on.
func (m *Mem) release(n *node, size int64) {
	keep := min((size+block-1)/block, int64(len(n.blocks)))
	for _, has := range n.blocks[keep:] {
		if has {
			m.used -= block
		}
	}
	n.blocks = n.blocks[:keep]
}

// free releases a file that can not be reached any more.
func (m *Mem) free(n *node) {
	if n.names == 0 && n.handles == 0 {
		m.release(n, 0)
	}
}
