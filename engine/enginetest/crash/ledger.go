package crash

import (
	"fmt"
	"slices"
	"sync"
)

// Ledger is what the clients of one broker have sent, were promised and have received. Its clock counts what happens: a
// number that was taken before something was sent is lower than one that was taken after its answer came.
type Ledger struct {
	mu       sync.Mutex
	clock    int64
	sources  []*source
	sessions []*Session
	wills    []*Will
	losses   []loss
	faults   []Fault
	counts   Counts
	failing  bool
	filling  bool
	retained map[string][]*message // by topic, in the order of sending
	covers   map[[2]string]bool    // filter and topic: what matches has said
}

// Counts is how much has happened.
type Counts struct {
	Sent, Acked, Refused, Received, Connections, Crashes int
}

// Fault is something that a broker must not do.
type Fault struct {
	Kind Kind
	Text string
}

func (f Fault) String() string { return string(f.Kind) + ": " + f.Text }

// Kind is what is wrong.
type Kind string

// The kinds of Fault.
const (
	Lost     Kind = "lost"     // acknowledged, and never delivered
	Doubled  Kind = "doubled"  // delivered twice at QoS 2
	Disorder Kind = "disorder" // delivered behind a later one of its topic
	Alien    Kind = "alien"    // never sent, or not for this subscriber
	Regress  Kind = "regress"  // a retained message that an acknowledged one has replaced
	Ended    Kind = "ended"    // a session that should have been there
	Risen    Kind = "risen"    // a session that should not
	Willed   Kind = "will"     // a will that was not due, or did not come
	Spoken   Kind = "spoken"   // packets that no broker may send
	Stuck    Kind = "stuck"    // no end of waiting
)

// key names a message: its publisher, and its number there.
type key struct {
	source int
	seq    uint32
}

// source is one publisher.
type source struct {
	name string
	sent []*message
}

// message is one that was sent. Times are of the Ledger's clock; 0: not yet.
type message struct {
	key
	topic       string
	qos         byte
	retain      bool
	erases      bool // an empty payload, which clears what is retained
	size        int
	sent, acked int64
	refused     bool // it was answered with an error
	again       bool // it was sent more than once
	will        *Will
}

// NewLedger makes an empty one.
func NewLedger() *Ledger {
	return &Ledger{clock: 1, retained: map[string][]*message{}, covers: map[[2]string]bool{}}
}

// lock takes the ledger and gives the time.
func (l *Ledger) lock() (now int64) {
	l.mu.Lock()
	l.clock++
	return l.clock
}

// Now is the time.
func (l *Ledger) Now() int64 {
	now := l.lock()
	l.mu.Unlock()
	return now
}

// fault notes a violation; the lock is held.
func (l *Ledger) fault(kind Kind, format string, args ...any) {
	l.faults = append(l.faults, Fault{kind, fmt.Sprintf(format, args...)})
}

// Fault notes a violation.
func (l *Ledger) Fault(kind Kind, format string, args ...any) {
	l.lock()
	defer l.mu.Unlock()
	l.fault(kind, format, args...)
}

// Faults are the violations so far.
func (l *Ledger) Faults() []Fault {
	l.lock()
	defer l.mu.Unlock()
	return slices.Clone(l.faults)
}

// Counts is how much has happened so far.
func (l *Ledger) Counts() Counts {
	l.lock()
	defer l.mu.Unlock()
	return l.counts
}

// connected counts a connection.
func (l *Ledger) connected() {
	l.lock()
	defer l.mu.Unlock()
	l.counts.Connections++
}

// publisher enters a publisher.
func (l *Ledger) publisher(name string) (n int) {
	l.lock()
	defer l.mu.Unlock()
	l.sources = append(l.sources, &source{name: name})
	return len(l.sources) - 1
}

// send enters a message that is about to be sent for the first time.
func (l *Ledger) send(m *message) *message {
	now := l.lock()
	defer l.mu.Unlock()
	s := l.sources[m.source]
	m.seq, m.sent = uint32(len(s.sent)), now
	s.sent = append(s.sent, m)
	if m.retain {
		l.retained[m.topic] = append(l.retained[m.topic], m)
	}
	l.counts.Sent++
	return m
}

// acknowledged notes that the broker has taken a message over: PUBACK, or PUBREC.
func (l *Ledger) acknowledged(m *message) {
	now := l.lock()
	defer l.mu.Unlock()
	if m.acked == 0 {
		m.acked = now
		l.counts.Acked++
	}
}

// repeat notes that a message is sent once more.
func (l *Ledger) repeat(m *message) {
	l.lock()
	defer l.mu.Unlock()
	m.again = true
}

// Failing notes that the broker's store may fail from now on: it may refuse what it would have to keep.
func (l *Ledger) Failing() {
	l.lock()
	defer l.mu.Unlock()
	l.failing = true
}

// Filling notes that the broker may have no room for a while. An answer that says so may be lost with its connection; the
// message comes again then, behind later ones for which there was room.
func (l *Ledger) Filling() {
	l.lock()
	defer l.mu.Unlock()
	l.failing, l.filling = true, true
}

// mayRefuse tells whether a broker may refuse what it would have to keep.
func (l *Ledger) mayRefuse() bool {
	l.lock()
	defer l.mu.Unlock()
	return l.failing
}

// refuse notes that the broker has not taken a message over. first: it was sent only once, so that nobody can have it.
func (l *Ledger) refuse(m *message, first bool) {
	l.lock()
	defer l.mu.Unlock()
	m.refused = first
	l.counts.Refused++
}

// loss is a crash that may have taken what was acknowledged between two times: what was not synced yet.
type loss struct{ from, to int64 }

// Crashed notes a crash. What was acknowledged after synced may be lost; a broker that syncs before it acknowledges has
// lost nothing, which the time of the crash itself says, or 0.
func (l *Ledger) Crashed(synced int64) {
	now := l.lock()
	defer l.mu.Unlock()
	l.counts.Crashes++
	if synced != 0 {
		l.losses = append(l.losses, loss{synced, now})
	}
}

// lossy tells whether a crash may have taken anything that was acknowledged.
func (l *Ledger) lossy() bool {
	l.lock()
	defer l.mu.Unlock()
	return len(l.losses) > 0
}

// kept tells whether what was promised at that time, if anything, has survived all crashes.
func (l *Ledger) kept(at int64) bool {
	if at == 0 {
		return false
	}
	for _, w := range l.losses {
		if w.from < at && at <= w.to {
			return false
		}
	}
	return true
}

// doubtful tells whether a crash may have taken what happened between two times; to 0: until now.
func (l *Ledger) doubtful(from, to int64) bool {
	for _, w := range l.losses {
		if from <= w.to && (to == 0 || to > w.from) {
			return true
		}
	}
	return false
}

// Add sums up.
func (c *Counts) Add(d Counts) {
	c.Sent += d.Sent
	c.Acked += d.Acked
	c.Refused += d.Refused
	c.Received += d.Received
	c.Connections += d.Connections
	c.Crashes += d.Crashes
}
