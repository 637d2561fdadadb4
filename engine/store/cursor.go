package store

// cursor takes fields off the front of b. The first one that is not there makes it bad for good.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) fail() { c.b, c.bad = nil, true }

func (c *cursor) byte() byte {
	if len(c.b) == 0 {
		c.fail()
		return 0
	}
	v := c.b[0]
	c.b = c.b[1:]
	return v
}

// uint takes a uvarint in its shortest form that is at most limit.
func (c *cursor) uint(limit uint64) uint64 {
	var v uint64
	for i, b := range c.b {
		if i == 9 && b > 1 || b == 0 && i > 0 {
			break // more than 64 bits, or longer than needed
		}
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			if v > limit {
				break
			}
			c.b = c.b[i+1:]
			return v
		}
	}
	c.fail()
	return 0
}

func (c *cursor) uint32() uint32 { return uint32(c.uint(1<<32 - 1)) }
func (c *cursor) uint16() uint16 { return uint16(c.uint(1<<16 - 1)) }

// id takes a number that names something, which 0 does not.
func (c *cursor) id() uint64 {
	v := c.uint(1<<64 - 1)
	if v == 0 {
		c.fail()
	}
	return v
}

// time takes seconds of the wall clock since 1970.
func (c *cursor) time() int64 { return int64(c.uint(1<<63 - 1)) }

// bytes takes a string with its length.
func (c *cursor) bytes() []byte {
	n := c.uint(1<<63 - 1)
	if n > uint64(len(c.b)) {
		c.fail()
		return nil
	}
	v := c.b[:n:n]
	c.b = c.b[n:]
	return v
}

func (c *cursor) rest() []byte {
	v := c.b
	c.b = nil
	return v
}
