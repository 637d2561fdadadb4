package engine

import (
	"context"
	"errors"
	"io"
)

// Sockets gives duplicates of the listening sockets, for the next process; whoever asks closes them.
func (b *Broker) Sockets() ([]Socket, error) { return nil, errors.ErrUnsupported }

// HandOver takes leave of all clients and writes the state of the broker to w, for Parts.State of the next process: no
// more is accepted (what connects waits in the backlog), what was read is carried out, written and committed, 5.0 clients
// are told 0x8B, or 0x9C where a server reference is set, and connections are closed. Wills are not published: they go
// along. Afterwards the broker owns nothing that counts and is to be stopped, or to serve again with Resume.
func (b *Broker) HandOver(ctx context.Context, w io.Writer) error { return errors.ErrUnsupported }

// Resume serves again after a HandOver that nobody has taken up.
func (b *Broker) Resume() error { return errors.ErrUnsupported }
