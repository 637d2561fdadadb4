package certs

import (
	"crypto/rand"
	"slices"
	"time"
)

// ticketKeys is how many keys are kept: one that seals tickets, and those before it that still open them.
const ticketKeys = 4

func newKey() (key [32]byte) {
	_, _ = rand.Read(key[:]) // never fails
	return key
}

// Rotate begins a new ticket key when the present one is as old as every; the last ones still open tickets. A key's age
// counts from the first Rotate after it began. An every of 0 lets it be.
func (m *Material) Rotate(now time.Time, every time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case every <= 0:
	case m.born.IsZero():
		m.born = now
	case now.Sub(m.born) >= every:
		m.begin(m.keys)
		m.born = now
	}
}

// begin puts a new key before the former ones.
func (m *Material) begin(former [][32]byte) {
	m.keys = append([][32]byte{newKey()}, former[:min(len(former), ticketKeys-1)]...)
	m.now.Load().config.SetSessionTicketKeys(m.keys)
}

// TicketKeys gives the keys of session tickets, the present one first, so that the next process can take them up.
func (m *Material) TicketKeys() [][32]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.keys)
}

// SetTicketKeys takes up those of the process before: its tickets are good here. New ones are sealed with a key of our
// own, or restarts that come more often than rotations would keep one key alive for ever.
func (m *Material) SetTicketKeys(keys [][32]byte) {
	if len(keys) == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.begin(keys)
	m.born = time.Time{}
}
