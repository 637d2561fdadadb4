package bench

// inbox holds the packet identifiers of the broker's open QoS 2 exchanges, from PUBLISH to PUBREL. It is a ring by the
// identifier's low bits: brokers count up, so that those open at a time seldom meet; when two do it grows.
type inbox struct {
	ids  []uint16 // 0: free
	open int
}

// begin opens an exchange; false when it is open already.
func (b *inbox) begin(id uint16) bool {
	for len(b.ids) == 0 || b.at(id) != 0 {
		if len(b.ids) > 0 && b.at(id) == id {
			return false
		}
		b.grow()
	}
	b.ids[int(id)&(len(b.ids)-1)] = id
	b.open++
	return true
}

// end closes an exchange; false when it is not open.
func (b *inbox) end(id uint16) bool {
	if len(b.ids) == 0 || b.at(id) != id {
		return false
	}
	b.ids[int(id)&(len(b.ids)-1)] = 0
	b.open--
	return true
}

func (b *inbox) at(id uint16) uint16 { return b.ids[int(id)&(len(b.ids)-1)] }

// grow doubles the ring. What had a place of its own in the smaller one has it in the larger.
func (b *inbox) grow() {
	old := b.ids
	b.ids = make([]uint16, max(16, 2*len(old)))
	for _, id := range old {
		if id != 0 {
			b.ids[int(id)&(len(b.ids)-1)] = id
		}
	}
}
