package crashtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// state is what a store holds: encoded records under the names of what they are about.
type state map[string]string

func messageName(id uint64) string              { return fmt.Sprint("MSG ", id) }
func sessionName(id uint64) string              { return fmt.Sprint("SES ", id) }
func subName(id uint64, filter string) string   { return fmt.Sprint("SUB ", id, " ", filter) }
func incomingName(id uint64, pid uint16) string { return fmt.Sprint("QIN ", id, " ", pid) }
func queueName(session, seq uint64) string      { return fmt.Sprint("ENQ ", session, " ", seq) }
func releaseName(session, seq uint64) string    { return fmt.Sprint("REL ", session, " ", seq) }
func (s state) note(key string) (string, bool)  { return note(s["META "+key]) }

// note gives the value of an encoded META record.
func note(record string) (string, bool) {
	var r store.Record
	if _, err := store.Decode([]byte(record), &r); err != nil {
		return "", false
	}
	return string(r.Value), true
}

// differences says how got differs from want; empty: not at all.
func (s state) differences(want state) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		switch got, ok := s[name]; {
		case !ok:
			out = append(out, name+" is missing")
		case got != want[name]:
			out = append(out, name+" is another one")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if _, ok := want[name]; !ok {
			out = append(out, name+" should not be there")
		}
	}
	return brief(out)
}

// brief joins the first of many lines.
func brief(lines []string) string {
	const most = 8
	if n := len(lines); n > most {
		lines = append(lines[:most:most], fmt.Sprintf("and %d more", n-most))
	}
	return strings.Join(lines, "; ")
}

// collector takes in what Recover visits and holds it to its order.
type collector struct {
	state   state
	stage   int    // what may come: META, RET, MSG, then sessions
	session uint64 // whose records come now
	part    int    // of the session: SES, SUB, QIN, queue
	seq     uint64 // of the last delivery of this session
	queued  int
	batch   store.Batch
}

var errOrder = errors.New("recovered in another order")

// collect opens a store and gives all that it holds.
func collect(s store.Store) (state, error) {
	c := collector{state: state{}}
	err := s.Recover(context.Background(), c.visit)
	return c.state, err
}

func (c *collector) visit(r *store.Record) error {
	name, err := c.name(r)
	if err != nil {
		return fmt.Errorf("%w: %w", errOrder, err)
	}
	if _, twice := c.state[name]; twice {
		return fmt.Errorf("%w: %s comes twice", errOrder, name)
	}
	c.batch.Reset()
	c.batch.Record(r)
	c.state[name] = string(c.batch.Bytes())
	return nil
}

// name names what a record is about, and says whether it is its turn.
func (c *collector) name(r *store.Record) (string, error) {
	id := r.Session.ID
	switch r.Kind {
	case store.META:
		return "META " + string(r.Key), c.before(0, "META")
	case store.RET:
		return "RET " + string(r.Message.Topic), c.before(1, "RET")
	case store.MSG:
		return messageName(r.Message.ID), c.before(2, "MSG")
	case store.SES:
		c.stage, c.session, c.part, c.queued = 3, id, 0, 0
		return sessionName(id), nil
	case store.SUB:
		return subName(id, string(r.Subscription.Filter)), c.within(id, 1, "SUB")
	case store.QIN:
		return incomingName(id, r.PacketID), c.within(id, 2, "QIN")
	case store.ENQ:
		return c.enqueued(r)
	case store.REL:
		err := c.within(id, 3, "REL")
		if err == nil && (c.queued == 0 || r.Seq != c.seq) {
			err = fmt.Errorf("REL of %d does not follow its ENQ", r.Seq)
		}
		return releaseName(id, r.Seq), err
	}
	return "", fmt.Errorf("%v is no kind of a live state", r.Kind)
}

func (c *collector) before(stage int, kind string) error {
	if c.stage > stage {
		return fmt.Errorf("%s comes late", kind)
	}
	c.stage = stage
	return nil
}

func (c *collector) within(session uint64, part int, kind string) error {
	if c.stage < 3 || session != c.session {
		return fmt.Errorf("%s of session %d comes within session %d", kind, session, c.session)
	}
	if c.part > part {
		return fmt.Errorf("%s of session %d comes late", kind, session)
	}
	c.part = part
	return nil
}

func (c *collector) enqueued(r *store.Record) (string, error) {
	if len(r.Deliveries) != 1 {
		return "", fmt.Errorf("ENQ of message %d has %d deliveries", r.Message.ID, len(r.Deliveries))
	}
	d := r.Deliveries[0]
	err := c.within(d.Session, 3, "ENQ")
	switch {
	case err != nil:
	case c.queued > 0 && d.Seq <= c.seq:
		err = fmt.Errorf("delivery %d of session %d comes after %d", d.Seq, d.Session, c.seq)
	case c.state[messageName(r.Message.ID)] == "":
		err = fmt.Errorf("delivery %d of session %d names message %d, which did not come", d.Seq, d.Session, r.Message.ID)
	}
	c.seq = d.Seq
	c.queued++
	return queueName(d.Session, d.Seq), err
}
