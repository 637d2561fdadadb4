package client

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/penstock-mqtt/penstock/codec/flow"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// Session is the client's half of an MQTT session: publishes without their last acknowledgement and
// the identifiers of QoS 2 messages that are half received. It is kept under one client identifier
// [MQTT-3.1.3-2] and serves one connection at a time; a Dial waits until the one before has let go.
type Session struct {
	busy   chan struct{} // holds a token while a connection owns everything below
	id     string
	exists bool // this side knows of a session: Session Present may be 1
	next   uint64
	out    flow.Sender[*exchange]
	in     flow.Receiver
}

// exchange is one open QoS 1 or 2 publish.
type exchange struct {
	frame   []byte // the PUBLISH as it would first be sent: whole topic, no alias, DUP 0
	version mqtt.Version
	done    func(Result)
}

// NewSession returns a session without state: a server that claims to know it is not believed.
func NewSession() *Session { return &Session{busy: make(chan struct{}, 1)} }

// AdoptSession returns a session whose state on this side is empty and which the server may
// nevertheless hold: for programs that remember nothing but their client identifier. What such
// a program had open when it ended is lost to it.
func AdoptSession() *Session {
	s := NewSession()
	s.exists = true
	// The server may still hold identifiers of half finished QoS 2 publishes; starting anywhere
	// makes it unlikely that a new message is taken for the repeat of such a one.
	s.next = uint64(rand.Uint32())
	return s
}

func (s *Session) acquire(ctx context.Context) error {
	select {
	case s.busy <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the session's last connection: %w", ctx.Err())
	}
}

func (s *Session) release() { <-s.busy }

// bind ties the session to a client identifier.
func (s *Session) bind(o *Options) error {
	if s.id != "" && o.ClientID == "" {
		o.ClientID = s.id
	}
	if s.id != "" && s.id != o.ClientID {
		return fmt.Errorf("%w %q", ErrSessionID, s.id)
	}
	s.id = o.ClientID
	return nil
}

// discard forgets everything and tells those who wait.
func (s *Session) discard(err error) {
	var lost []func(Result)
	s.out.Clear(func(x *exchange) { lost = append(lost, x.done) })
	s.in.Clear()
	s.exists = false
	finish(lost, Result{Err: err})
}

// takeSeq chooses the sequence number, and so the packet identifier, of the next SUBSCRIBE,
// UNSUBSCRIBE or PUBLISH: one that nothing of ours holds. ok is false when a publish from one whole
// round ago is still open. [MQTT-2.2.1-3] 3.1.1 [MQTT-2.3.1-2]
func (s *Session) takeSeq(requests map[uint16]*request) (seq uint64, ok bool) {
	for requests[flow.ID(s.next)] != nil {
		s.next++
	}
	_, _, open := s.out.Find(flow.ID(s.next))
	return s.next, !open
}

func finish(done []func(Result), r Result) {
	for _, f := range done {
		if f != nil {
			f(r)
		}
	}
}
