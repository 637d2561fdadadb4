package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// field is one thing that a record says: a number, a text, true, fields of its own or a list of these.
type field struct {
	name  string
	value any
}

type fields []field

func (f *fields) add(name string, value any) { *f = append(*f, field{name, value}) }

// text adds what is not empty.
func (f *fields) text(name string, b []byte) {
	if len(b) > 0 {
		f.add(name, string(b))
	}
}

// number adds what is not 0.
func (f *fields) number(name string, n uint64) {
	if n > 0 {
		f.add(name, n)
	}
}

// flag adds what is so.
func (f *fields) flag(name string, is bool) {
	if is {
		f.add(name, true)
	}
}

// MarshalJSON keeps the order. Bytes that are no UTF-8 are replaced, as encoding/json does it.
func (f fields) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, x := range f {
		if i > 0 {
			out = append(out, ',')
		}
		value, err := json.Marshal(x.value)
		if err != nil {
			return nil, err
		}
		out = strconv.AppendQuote(out, x.name) // the names are ours, and plain
		out = append(append(out, ':'), value...)
	}
	return append(out, '}'), nil
}

// String is one line.
func (f fields) String() string {
	var words []string
	for _, x := range f {
		switch v := x.value.(type) {
		case bool:
			words = append(words, x.name)
		case string:
			words = append(words, x.name+"="+strconv.Quote(v))
		case uint64:
			words = append(words, x.name+"="+strconv.FormatUint(v, 10))
		case []uint32:
			words = append(words, x.name+"="+fmt.Sprint(v))
		case fields:
			words = append(words, x.name+"=("+v.String()+")")
		case []fields:
			words = append(words, x.name+"=["+joined(v)+"]")
		}
	}
	return strings.Join(words, " ")
}

func joined(list []fields) string {
	var all []string
	for _, f := range list {
		all = append(all, f.String())
	}
	return strings.Join(all, ", ")
}

// What a line shows of a payload and of a fan-out, unless all of it is asked for.
const (
	shownBytes      = 64
	shownDeliveries = 16
)

// recordFields is what a record says, in the words of FORMAT.md.
func recordFields(r *store.Record, full bool) (f fields) {
	if of := ofSession[r.Kind]; of {
		f.add("session", r.Session.ID)
	}
	switch r.Kind {
	case store.SES:
		f.session(&r.Session, full)
	case store.SUB:
		f.subscription(&r.Subscription)
	case store.UNSUB:
		f.add("filter", string(r.Subscription.Filter))
	case store.MSG:
		f.add("message", r.Message.ID)
		f.message(&r.Message, full)
	case store.RET:
		f.message(&r.Message, full)
	case store.RETDEL:
		f.add("topic", string(r.Message.Topic))
	case store.ENQ:
		f.add("message", r.Message.ID)
		f.deliveries(r.Deliveries, full)
	case store.ACK, store.REL:
		f.add("seq", r.Seq)
	case store.QIN, store.QINDEL:
		f.add("packet", uint64(r.PacketID))
	case store.META:
		f.add("key", string(r.Key))
		f.bytes("value", r.Value, full)
	case store.SESDEL:
	default:
		f.add("bytes", uint64(len(r.Raw)))
	}
	return f
}

// ofSession are the kinds that name a session first.
var ofSession = map[store.Kind]bool{
	store.SES: true, store.SESDEL: true, store.SUB: true, store.UNSUB: true,
	store.ACK: true, store.REL: true, store.QIN: true, store.QINDEL: true,
}

func (f *fields) session(s *store.Session, full bool) {
	f.add("client", string(s.ClientID))
	f.text("principal", s.Principal)
	f.text("user", s.Username)
	f.add("mqtt", s.Version.String())
	f.flag("clean", s.Clean)
	f.flag("online", s.Online)
	f.flag("parted", s.Parted)
	f.span("expiry", s.Expiry)
	if s.Rest.Left != s.Expiry {
		f.number("left", uint64(s.Rest.Left))
	}
	f.moment("created", s.Created)
	if s.Sent != store.SentUnknown {
		f.number("sent", s.Sent)
	}
	f.flag("superuser", s.Superuser)
	f.text("listener", s.Listener)
	if !s.HasWill {
		return
	}
	var w fields
	w.add("topic", string(s.Will.Topic))
	w.add("qos", uint64(s.Will.QoS))
	w.flag("retain", s.Will.Retain)
	w.number("delay", uint64(s.Will.Delay))
	w.number("left", uint64(s.Will.Rest.Left))
	if s.Will.HasExpiry {
		w.add("expiry", uint64(s.Will.Expiry))
	}
	w.number("properties_bytes", uint64(len(s.Will.Props)))
	w.bytes("payload", s.Will.Payload, full)
	f.add("will", w)
}

func (f *fields) subscription(s *store.Subscription) {
	f.add("filter", string(s.Filter))
	f.add("qos", uint64(s.Options&3))
	f.flag("no_local", s.Options&4 != 0)
	f.flag("retain_as_published", s.Options&8 != 0)
	f.number("retain_handling", uint64(s.Options>>4&3))
	f.number("identifier", uint64(s.ID))
}

func (f *fields) message(m *store.Message, full bool) {
	f.add("topic", string(m.Topic))
	f.add("qos", uint64(m.QoS))
	f.flag("retain", m.Retain)
	f.number("publisher", m.Publisher)
	f.number("left", uint64(m.Expiry.Left))
	f.number("properties_bytes", uint64(len(m.Props)))
	f.bytes("payload", m.Payload, full)
}

func (f *fields) deliveries(list []store.Delivery, full bool) {
	f.add("deliveries", uint64(len(list)))
	if !full && len(list) > shownDeliveries {
		list = list[:shownDeliveries]
	}
	to := make([]fields, len(list))
	for i := range list {
		d, one := &list[i], &to[i]
		one.add("session", d.Session)
		one.add("seq", d.Seq)
		one.add("qos", uint64(d.QoS))
		one.flag("retain", d.Retain)
		one.flag("shared", d.Shared)
		if len(d.SubIDs) > 0 {
			one.add("identifiers", d.SubIDs)
		}
	}
	f.add("to", to)
}

// span is a time in seconds of which the longest is for ever.
func (f *fields) span(name string, seconds uint32) {
	if seconds == math.MaxUint32 {
		f.add(name, "never")
		return
	}
	f.add(name, uint64(seconds))
}

func (f *fields) moment(name string, unix int64) {
	if unix > 0 {
		f.add(name, time.Unix(unix, 0).UTC().Format(time.RFC3339))
	}
}

// bytes adds how many there are, and as many as are to be shown: as text where they are, else in base64.
func (f *fields) bytes(name string, b []byte, full bool) {
	f.add(name+"_bytes", uint64(len(b)))
	whole := utf8.Valid(b)
	if !full && len(b) > shownBytes {
		b = b[:shownBytes]
		for n := 0; whole && n < utf8.UTFMax && !utf8.Valid(b); n++ {
			b = b[:len(b)-1] // a letter was cut
		}
	}
	switch {
	case len(b) == 0:
	case whole:
		f.add(name, string(b))
	default:
		f.add(name+"_base64", base64.StdEncoding.EncodeToString(b))
	}
}
