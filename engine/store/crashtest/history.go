package crashtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// history is what batches say about each name, in order. It tells what a state may be of which some batches are lost.
type history struct {
	events []event
	first  uint64 // position of the first batch
	next   uint64 // behind the last
}

// event is that a record was written, or taken back.
type event struct {
	position uint64
	name     string
	record   string // empty: taken back
	session  uint64 // not 0: all that is this session's is taken back, and name is empty
}

// note takes in the next batch.
func (h *history) note(position uint64, batch []byte) error {
	if h.first == 0 {
		h.first = position
	}
	h.next = position + 1
	var r store.Record
	return store.Each(batch, &r, func(r *store.Record) error { h.record(position, r); return nil })
}

func (h *history) record(position uint64, r *store.Record) {
	set := func(name string) {
		h.events = append(h.events, event{position: position, name: name, record: string(r.Raw)})
	}
	del := func(name string) { h.events = append(h.events, event{position: position, name: name}) }
	id := r.Session.ID
	switch r.Kind {
	case store.META:
		if len(r.Value) == 0 {
			del("META " + string(r.Key))
		} else {
			set("META " + string(r.Key))
		}
	case store.RET:
		set("RET " + string(r.Message.Topic))
	case store.RETDEL:
		del("RET " + string(r.Message.Topic))
	case store.MSG:
		set(messageName(r.Message.ID))
	case store.SES:
		set(sessionName(id))
	case store.SESDEL:
		h.events = append(h.events, event{position: position, session: id})
	case store.SUB:
		set(subName(id, string(r.Subscription.Filter)))
	case store.UNSUB:
		del(subName(id, string(r.Subscription.Filter)))
	case store.QIN:
		set(incomingName(id, r.PacketID))
	case store.QINDEL:
		del(incomingName(id, r.PacketID))
	case store.ENQ:
		for _, d := range r.Deliveries {
			var b store.Batch
			b.Enqueue(r.Message.ID, []store.Delivery{d})
			h.events = append(h.events, event{position: position, name: queueName(d.Session, d.Seq), record: string(b.Bytes())})
		}
	case store.ACK:
		del(queueName(id, r.Seq))
		del(releaseName(id, r.Seq))
	case store.REL:
		set(releaseName(id, r.Seq))
	}
}

// owner is the session that a name belongs to; 0: none.
func owner(name string) (id uint64) {
	switch kind, rest, _ := strings.Cut(name, " "); kind {
	case "SES", "SUB", "QIN", "ENQ", "REL":
		fmt.Sscan(rest, &id)
	}
	return id
}

// says gives what is left to be said about each name when some batches are lost.
func (h *history) says(lost map[uint64]bool) state {
	out := state{}
	for _, e := range h.events {
		switch {
		case lost[e.position]:
		case e.session != 0:
			maps.DeleteFunc(out, func(name, _ string) bool { return owner(name) == e.session })
		case e.record == "":
			delete(out, e.name)
		default:
			out[e.name] = e.record
		}
	}
	return out
}

// whole leaves out what hangs in the air: what belongs to a session that is not there, deliveries without a message, messages
// without a delivery.
func (s state) whole() state {
	out := maps.Clone(s)
	maps.DeleteFunc(out, func(name, _ string) bool {
		id := owner(name)
		return id != 0 && s[sessionName(id)] == ""
	})
	named := map[string]bool{}
	maps.DeleteFunc(out, func(name, record string) bool {
		if !strings.HasPrefix(name, "ENQ ") {
			return false
		}
		message := messageOf(record)
		named[message] = true
		return s[message] == ""
	})
	maps.DeleteFunc(out, func(name, _ string) bool {
		rest, released := strings.CutPrefix(name, "REL ")
		return released && out["ENQ "+rest] == "" || strings.HasPrefix(name, "MSG ") && !named[name]
	})
	return out
}

// messageOf names the message of an ENQ.
func messageOf(record string) string {
	var r store.Record
	store.Decode([]byte(record), &r)
	return messageName(r.Message.ID)
}

// excused says what is wrong with a state of which some batches are lost, and with them what copies of others went along with
// them; empty: nothing. Names that no lost batch speaks of are as they were last, or missing if they are older than a lost
// batch, whose frame may have had their copies. The others are as some batch has said, or missing.
func (h *history) excused(got state, lost map[uint64]bool) string {
	newest := uint64(0)
	for position := range lost {
		newest = max(newest, position)
	}
	last, ever := h.says(nil), map[string]map[string]bool{}
	since, doubtful, ended := map[string]uint64{}, map[string]bool{}, map[uint64]bool{}
	for _, e := range h.events {
		if e.session != 0 {
			ended[e.session] = ended[e.session] || lost[e.position]
			continue
		}
		if ever[e.name] == nil {
			ever[e.name] = map[string]bool{}
		}
		ever[e.name][e.record] = true
		since[e.name] = e.position
		doubtful[e.name] = doubtful[e.name] || lost[e.position]
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(got)) {
		switch {
		case doubtful[name] || ended[owner(name)] || strings.HasPrefix(name, "MSG "):
			if !ever[name][got[name]] {
				out = append(out, name+" never was so")
			}
		case last[name] == "":
			out = append(out, name+" should not be there")
		case last[name] != got[name]:
			out = append(out, name+" is another one")
		}
	}
	// What must be there: what was written behind all that is lost, if what it stands on is there.
	must := maps.Clone(last)
	maps.DeleteFunc(must, func(name, _ string) bool { return since[name] <= newest && got[name] == "" })
	for _, name := range slices.Sorted(maps.Keys(must.whole())) {
		if got[name] == "" {
			out = append(out, name+" is missing")
		}
	}
	return brief(out)
}
