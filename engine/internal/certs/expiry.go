package certs

import (
	"slices"
	"time"
)

// Expiry is when something of the material ends.
type Expiry struct {
	File    string
	Subject string
	At      time.Time
}

// Expiries lists the certificates, authorities and revocation lists (their next update), the soonest first. What has
// ended already is no error anywhere else: it stands here.
func (m *Material) Expiries() []Expiry { return slices.Clone(m.now.Load().expiries) }

func soonestFirst(all []Expiry) {
	slices.SortStableFunc(all, func(a, b Expiry) int { return a.At.Compare(b.At) })
}
