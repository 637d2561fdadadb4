package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// patience is how long a commit may take before the test gives up.
const patience = 20 * time.Second

// harness is one test with its store.
type harness struct {
	*testing.T
	s      store.Store
	reopen func() store.Store
}

// commit appends what fill writes as one batch and waits until it is committed.
func (h *harness) commit(fill func(b *store.Batch)) {
	h.Helper()
	var b store.Batch
	fill(&b)
	done := make(chan error, 2)
	if h.s.Append(&b, func(err error) { done <- err }) {
		return
	}
	h.wait("commit", done)
}

func (h *harness) wait(what string, done chan error) {
	h.Helper()
	if err := h.err(what, done); err != nil {
		h.Fatalf("%s: got %v, want nil", what, err)
	}
}

// err waits for what something ends with.
func (h *harness) err(what string, done chan error) error {
	h.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		h.Fatalf("%s: not done after %v", what, patience)
		return nil
	}
}

// load waits for the messages of these ids.
func (h *harness) load(ids ...store.Ref) (got []store.Message) {
	h.Helper()
	done := make(chan error, 2)
	h.s.Load(ids, func(m []store.Message, err error) { got = m; done <- err })
	h.wait("load", done)
	return got
}

// shut closes the store.
func (h *harness) shut() {
	h.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := h.s.Close(ctx); err != nil {
		h.Fatalf("Close: got %v, want nil", err)
	}
}

// restart closes the store, opens it again and lists what it recovers.
func (h *harness) restart() []string {
	h.Helper()
	h.shut()
	h.s = h.reopen()
	return h.live()
}

// wantAfterRestart compares the state after a restart, line by line as live writes it.
func (h *harness) wantAfterRestart(want ...string) {
	h.Helper()
	h.compare(h.restart(), want)
}

func (h *harness) compare(got, want []string) {
	h.Helper()
	if slices.Equal(got, want) {
		return
	}
	for i := range max(len(got), len(want)) {
		g, w := "nothing", "nothing"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			h.Fatalf("recovered %d records, want %d; the first that differs is %d:\n got %.300s\nwant %.300s", len(got), len(want), i, g, w)
		}
	}
}

// live recovers the state, checks the order that Recover promises, and brings the rest into one order: META, RET, MSG,
// then session by session SES, SUB, QIN and the queue.
func (h *harness) live() []string {
	h.Helper()
	c := checker{T: h.T, messages: map[uint64]bool{}}
	if err := h.s.Recover(context.Background(), c.record); err != nil {
		h.Fatalf("Recover: got %v, want nil", err)
	}
	slices.SortStableFunc(c.lines, func(a, b line) int {
		if n := strings.Compare(a.order, b.order); n != 0 || a.queued {
			return n
		}
		return strings.Compare(a.text, b.text)
	})
	var out []string
	for _, l := range c.lines {
		out = append(out, l.text)
	}
	return out
}

// line is a recovered record as text. Those with the same order sort by text, but for a queue, which is in order.
type line struct {
	order, text string
	queued      bool
}

// checker holds Recover to its order.
type checker struct {
	*testing.T
	lines    []line
	messages map[uint64]bool
	session  uint64 // whose records come now
	seq      uint64
	queued   int // deliveries of this session so far
	seen     map[uint64]bool
}

func (c *checker) record(r *store.Record) error {
	c.Helper()
	order := ""
	switch r.Kind {
	case store.META, store.RET, store.MSG:
		order = map[store.Kind]string{store.META: "0", store.RET: "1", store.MSG: "2"}[r.Kind]
		if c.session != 0 {
			c.Errorf("%v comes after session %d, want it before all sessions", r.Kind, c.session)
		}
		if r.Kind == store.MSG {
			c.messages[r.Message.ID] = true
		}
	case store.SES:
		if c.seen[r.Session.ID] {
			c.Errorf("session %d comes twice", r.Session.ID)
		}
		if c.seen == nil {
			c.seen = map[uint64]bool{}
		}
		c.seen[r.Session.ID] = true
		c.session, c.seq, c.queued = r.Session.ID, 0, 0
		order = "a"
	case store.SUB, store.QIN, store.REL:
		if r.Session.ID != c.session {
			c.Errorf("%v of session %d among those of %d", r.Kind, r.Session.ID, c.session)
		}
		order = map[store.Kind]string{store.SUB: "b", store.QIN: "c", store.REL: "d"}[r.Kind]
		if r.Kind == store.REL && (c.queued == 0 || r.Seq != c.seq) {
			c.Errorf("REL of %d does not follow its ENQ", r.Seq)
		}
	case store.ENQ:
		order = "d"
		c.delivery(r)
	default:
		c.Errorf("%v: not a kind of live state", r.Kind)
	}
	if order >= "a" {
		order = fmt.Sprintf("3 %020d %s", c.session, order)
	}
	c.lines = append(c.lines, line{order, text(r), strings.HasSuffix(order, "d")})
	return nil
}

func (c *checker) delivery(r *store.Record) {
	c.Helper()
	if len(r.Deliveries) != 1 {
		c.Fatalf("ENQ with %d deliveries, want 1", len(r.Deliveries))
	}
	d := r.Deliveries[0]
	if d.Session != c.session {
		c.Errorf("ENQ of session %d among the records of %d", d.Session, c.session)
	}
	if c.queued > 0 && d.Seq <= c.seq {
		c.Errorf("session %d: delivery %d after %d", d.Session, d.Seq, c.seq)
	}
	if !c.messages[r.Message.ID] {
		c.Errorf("ENQ of message %d before its MSG", r.Message.ID)
	}
	c.seq, c.queued = d.Seq, c.queued+1
}

// text writes the fields of a record down, so that records can be compared and read.
func text(r *store.Record) string {
	switch r.Kind {
	case store.META:
		return fmt.Sprintf("META %q=%q", r.Key, r.Value)
	case store.RET, store.MSG:
		m := &r.Message
		return fmt.Sprintf("%v %d %q %q %q qos %d retain %v from %d expiry %+v", r.Kind, m.ID, m.Topic, m.Props, m.Payload, m.QoS, m.Retain,
			m.Publisher, m.Expiry)
	case store.ENQ:
		return fmt.Sprintf("ENQ %d %+v", r.Message.ID, r.Deliveries)
	case store.SES:
		s := &r.Session
		return fmt.Sprintf("SES %d %q %q %q %v clean %v online %v expiry %d created %d rest %+v will %v %s sent %d parted %v superuser %v listener %q",
			s.ID, s.ClientID, s.Principal, s.Username, s.Version, s.Clean, s.Online, s.Expiry, s.Created, s.Rest, s.HasWill, willText(&s.Will),
			s.Sent, s.Parted, s.Superuser, s.Listener)
	case store.SUB:
		s := &r.Subscription
		return fmt.Sprintf("SUB %d %q options %#x id %d", r.Session.ID, s.Filter, s.Options, s.ID)
	case store.QIN:
		return fmt.Sprintf("QIN %d %d", r.Session.ID, r.PacketID)
	}
	return fmt.Sprintf("%v %d %d", r.Kind, r.Session.ID, r.Seq)
}

func willText(w *store.Will) string {
	return fmt.Sprintf("%q %q %q qos %d retain %v delay %d expiry %v %d rest %+v", w.Topic, w.Props, w.Payload, w.QoS, w.Retain, w.Delay, w.HasExpiry,
		w.Expiry, w.Rest)
}
