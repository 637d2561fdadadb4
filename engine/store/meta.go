package store

// Meta appends META: a note of the broker's own under a key; an empty value takes it away. The broker keeps there what
// has to survive it, such as how far message and session IDs are allotted.
//
//	META = key, value
func (b *Batch) Meta(key, value []byte) {
	start := b.begin(META)
	b.bytes(key)
	b.bytes(value)
	b.end(start, 0)
}

func decodeMeta(c *cursor, r *Record) { r.Key, r.Value = c.bytes(), c.bytes() }
