package seglog

import (
	"path/filepath"
	"slices"
)

// dropTooSmall removes a file that was made for a large frame when a larger one waits now. The first may wait no more, or be a
// record that reclaim moves later.
func (c *committer) dropTooSmall() {
	c.mu.Lock()
	r := &c.room
	i := slices.IndexFunc(r.spares, func(s *segment) bool { return s.alloc < r.large && filepath.Base(s.path) == spareNames[2] })
	if i < 0 {
		c.mu.Unlock()
		return
	}
	s := r.spares[i]
	r.spares = slices.Delete(r.spares, i, i+1)
	r.ahead -= s.alloc
	c.mu.Unlock()
	_ = s.file.Close()
	if err := c.o.FS.Remove(s.path); err != nil {
		_ = c.fail("remove "+s.path, err)
	}
}
