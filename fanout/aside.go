package fanout

import "time"

// Aside is what few deliveries have. It stands apart, shared by the deliveries that have the same, so that the others
// need but a word for it. It is never changed once made.
type Aside struct {
	Group *Group   // the shared subscription that chose the receiver
	IDs   []uint32 // subscription identifiers, when there are several
	Ref   uint64   // the message's position in the store, while it is there only

	Expires time.Duration // of that message, as in Message
}

// Aside is what deliveries of the group's messages have.
func (g *Group) Aside() *Aside { return &g.aside }

// Loaded is what is left to say once the message was read from the store.
func (a *Aside) Loaded() *Aside {
	if a == nil || a.Group == nil && a.IDs == nil {
		return nil
	}
	return a
}
