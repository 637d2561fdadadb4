package store

import "github.com/penstock-mqtt/penstock/codec/mqtt"

// Session is what a session is apart from its subscriptions and messages.
type Session struct {
	ID        uint64 // unique over the life of the store: a later session of the same client has another one
	ClientID  []byte
	Principal []byte // who created it, as the authenticator said
	Username  []byte
	Version   mqtt.Version
	Clean     bool   // the last connection began with Clean Start (or Clean Session)
	Online    bool   // a connection is attached: at Recover it was when the broker ended
	Expiry    uint32 // Session Expiry Interval, seconds; 0xFFFFFFFF: kept without limit
	Created   int64  // wall time of its beginning, seconds since 1970
	// Rest is how much of Expiry was left when a session without a connection was written down; the whole of it
	// without.
	Rest Lifetime
	// Sent is the highest sequence number that was ever sent to it, written down when its connection ended: a delivery
	// above it goes out for the first time. While Online it says nothing. In a record of version 1 it is SentUnknown.
	Sent    uint64
	Parted  bool // the broker itself ended the last connection: the will waits for the client to come back
	HasWill bool
	Will    Will
	// What the right to the will depends on: who the client was may do anything, and the listener of the last connection,
	// where the topic begins with its mountpoint.
	Superuser bool
	Listener  []byte
}

// SentUnknown says that any delivery may have been sent.
const SentUnknown = 1<<64 - 1

// Will is the message to publish when the connection, or the delay after it, is over.
type Will struct {
	Topic     []byte
	Props     []byte // as in Message
	Payload   []byte
	QoS       byte
	Retain    bool
	Delay     uint32 // Will Delay Interval, seconds
	HasExpiry bool   // the message will have a Message Expiry Interval
	Expiry    uint32 // that many seconds
	// Rest is how much of Delay was left when the will of a session without a connection was written down.
	Rest Lifetime
}

const (
	sessionClean = 1 << iota
	sessionOnline
	sessionRest
	sessionWill
	sessionParted
	sessionSuperuser
	sessionListener
	sessionFlags = 1<<iota - 1

	sessionFlags1 = sessionParted - 1 // of version 1
)

const (
	willQoS    = 0x03
	willRetain = 0x04
	willRest   = 0x08
	willExpiry = 0x10
)

// Session appends SES: the session is now as s says. It takes nothing from its subscriptions and messages. A session
// that is taken over by a clean start ends by DropSession, and the new one has another ID.
//
//	SES = id, flags (bits 0 clean, 1 online, 2 rest, 3 will, 4 parted, 5 superuser, 6 listener), version, expiry,
//	      created, client id, principal, user name, [rest: left, wall], [will], sent, [listener]
//	will = flags (bits 0-1 QoS, 2 retain, 3 rest, 4 expiry), delay, [expiry], [rest: left, wall], topic, properties, payload
//
// Version 1 ends with the will and has the flags 0 to 3.
func (b *Batch) Session(s *Session) {
	start := b.begin(SES)
	b.uint(s.ID)
	b.buf = append(b.buf, bit(s.Clean, sessionClean)|bit(s.Online, sessionOnline)|bit(s.Rest.Left > 0, sessionRest)|
		bit(s.HasWill, sessionWill)|bit(s.Parted, sessionParted)|bit(s.Superuser, sessionSuperuser)|
		bit(len(s.Listener) > 0, sessionListener), byte(s.Version))
	b.uint(uint64(s.Expiry))
	b.time(s.Created)
	b.bytes(s.ClientID)
	b.bytes(s.Principal)
	b.bytes(s.Username)
	if s.Rest.Left > 0 {
		b.lifetime(s.Rest)
	}
	if s.HasWill {
		b.will(&s.Will)
	}
	b.uint(s.Sent)
	if len(s.Listener) > 0 {
		b.bytes(s.Listener)
	}
	b.end(start, 0)
}

func (b *Batch) will(w *Will) {
	b.buf = append(b.buf, w.QoS&willQoS|bit(w.Retain, willRetain)|bit(w.Rest.Left > 0, willRest)|
		bit(w.HasExpiry, willExpiry))
	b.uint(uint64(w.Delay))
	if w.HasExpiry {
		b.uint(uint64(w.Expiry))
	}
	if w.Rest.Left > 0 {
		b.lifetime(w.Rest)
	}
	b.bytes(w.Topic)
	b.bytes(w.Props)
	b.bytes(w.Payload)
}

func bit(set bool, flag byte) byte {
	if set {
		return flag
	}
	return 0
}

func decodeSession(c *cursor, r *Record) {
	s := &r.Session
	s.ID = c.id()
	flags := c.byte()
	s.Clean, s.Online, s.HasWill = flags&sessionClean != 0, flags&sessionOnline != 0, flags&sessionWill != 0
	s.Version = mqtt.Version(c.byte())
	s.Expiry, s.Created = c.uint32(), c.time()
	s.ClientID, s.Principal, s.Username = c.bytes(), c.bytes(), c.bytes()
	s.Rest = c.optionalLifetime(flags&sessionRest != 0)
	if s.HasWill {
		c.will(&s.Will)
	}
	if r.Version == 1 {
		if s.Sent = SentUnknown; flags&^byte(sessionFlags1) != 0 {
			c.fail()
		}
		return
	}
	s.Parted, s.Superuser = flags&sessionParted != 0, flags&sessionSuperuser != 0
	s.Sent = c.uint(1<<64 - 1)
	if flags&sessionListener != 0 {
		if s.Listener = c.bytes(); len(s.Listener) == 0 {
			c.fail()
		}
	}
	if flags&^byte(sessionFlags) != 0 {
		c.fail()
	}
}

func (c *cursor) will(w *Will) {
	flags := c.byte()
	w.QoS, w.Retain, w.HasExpiry = flags&willQoS, flags&willRetain != 0, flags&willExpiry != 0
	w.Delay = c.uint32()
	if w.HasExpiry {
		w.Expiry = c.uint32()
	}
	w.Rest = c.optionalLifetime(flags&willRest != 0)
	w.Topic, w.Props, w.Payload = c.bytes(), c.bytes(), c.bytes()
	if w.QoS == 3 || flags > willQoS|willRetain|willRest|willExpiry {
		c.fail()
	}
}

func (c *cursor) optionalLifetime(present bool) (t Lifetime) {
	if !present {
		return t
	}
	if t = c.lifetime(); t.Left == 0 {
		c.fail()
	}
	return t
}

// DropSession appends SESDEL: the session is over, with its subscriptions, its queue and its open exchanges.
//
//	SESDEL = session
func (b *Batch) DropSession(id uint64) {
	start := b.begin(SESDEL)
	b.uint(id)
	b.end(start, 0)
}

func decodeSessionID(c *cursor, r *Record) { r.Session.ID = c.id() }
