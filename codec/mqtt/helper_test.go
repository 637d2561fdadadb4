package mqtt

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

var (
	client31  = Peer{Version: V31}
	client311 = Peer{Version: V311}
	client5   = Peer{Version: V5}
	server31  = Peer{Version: V31, Server: true}
	server311 = Peer{Version: V311, Server: true}
	server5   = Peer{Version: V5, Server: true}
)

// pack writes bytes: an int is one byte, a string has its two-byte length in
// front, a []byte stands for itself.
func pack(parts ...any) (b []byte) {
	for _, part := range parts {
		switch part := part.(type) {
		case int:
			b = append(b, byte(part))
		case string:
			b = AppendString(b, []byte(part))
		case []byte:
			b = append(b, part...)
		}
	}
	return b
}

// packet is what all packets but PUBLISH and CONNECT have in common.
type packet interface {
	Decode(from Peer, flags byte, body []byte) error
	AppendTo(dst []byte, v Version, max int) []byte
}

// anyPublish and anyConnect make packets of the two others.
type anyPublish struct{ Publish }

func (p *anyPublish) AppendTo(dst []byte, v Version, _ int) []byte { return p.Publish.AppendTo(dst, v) }

type anyConnect struct{ Connect }

func (c *anyConnect) Decode(_ Peer, flags byte, body []byte) error {
	return c.Connect.Decode(flags, body)
}
func (c *anyConnect) AppendTo(dst []byte, _ Version, _ int) []byte { return c.Connect.AppendTo(dst) }

// empty returns a packet value of type t, or nil where there is none.
func empty(t Type) packet {
	switch t {
	case CONNECT:
		return &anyConnect{}
	case CONNACK:
		return &Connack{}
	case PUBLISH:
		return &anyPublish{}
	case PUBACK, PUBREC, PUBREL, PUBCOMP:
		return &Ack{Type: t}
	case SUBSCRIBE:
		return &Subscribe{}
	case SUBACK:
		return &Suback{}
	case UNSUBSCRIBE:
		return &Unsubscribe{}
	case UNSUBACK:
		return &Unsuback{}
	case DISCONNECT:
		return &Disconnect{}
	case AUTH:
		return &Auth{}
	}
	return nil
}

// decodeWhole reads one whole packet out of wire.
func decodeWhole(from Peer, wire []byte) (packet, error) {
	h, body, err := cut(wire)
	if err != nil {
		return nil, err
	}
	p := empty(h.Type)
	return p, p.Decode(from, h.Flags, body)
}

func cut(wire []byte) (h Header, body []byte, err error) {
	h, ok, err := ReadHeader(wire)
	if err != nil {
		return h, nil, err
	}
	if !ok || h.Size+h.Remaining != len(wire) {
		return h, nil, errors.New("the Remaining Length is not that of the packet")
	}
	return h, wire[h.Size:], nil
}

// same is reflect.DeepEqual, except that nil and empty slices are the same.
func same(a, b any) bool { return sameValue(reflect.ValueOf(a), reflect.ValueOf(b)) }

func sameValue(a, b reflect.Value) bool {
	if a.Kind() != b.Kind() || a.Type() != b.Type() {
		return false
	}
	switch a.Kind() {
	case reflect.Pointer:
		return sameValue(a.Elem(), b.Elem())
	case reflect.Struct:
		for i := range a.NumField() {
			if !sameValue(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !sameValue(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	}
	return a.Equal(b)
}

// golden is a value and the bytes that it is written as.
type golden struct {
	name string
	from Peer
	p    packet
	wire []byte
}

func checkGolden(t *testing.T, cases []golden) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := c.p.AppendTo([]byte{0xEE}, c.from.Version, 0); !bytes.Equal(got, append([]byte{0xEE}, c.wire...)) {
				t.Errorf("AppendTo(%+v)\n got % X\nwant EE % X", c.p, got, c.wire)
			}
			got, err := decodeWhole(c.from, c.wire)
			if err != nil {
				t.Fatalf("Decode(% X): %v", c.wire, err)
			}
			if !same(got, c.p) {
				t.Errorf("Decode(% X)\n got %+v\nwant %+v", c.wire, got, c.p)
			}
		})
	}
}

// refusal is a body that has to be refused, and why.
type refusal struct {
	name   string
	from   Peer
	flags  byte
	body   []byte
	reason Reason
	rule   string
}

func checkRefusals(t *testing.T, typ Type, cases []refusal) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.from.Version.String()+"/"+c.name, func(t *testing.T) {
			err := empty(typ).Decode(c.from, c.flags, c.body)
			wantRefusal(t, err, c.reason, c.rule, c.body)
		})
	}
}

func wantRefusal(t *testing.T, err error, reason Reason, rule string, input []byte) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want %v [%s]; input % X", err, reason, rule, input)
	}
	if e.Reason != reason || e.Rule != rule || e.Detail == "" || !errors.Is(err, reason) {
		t.Errorf("got %v, want %v [%s]; input % X", err, reason, rule, input)
	}
}

// tolerated is a body that has to be accepted, and as what.
type tolerated struct {
	name  string
	from  Peer
	flags byte
	body  []byte
	want  packet
}

func checkTolerated(t *testing.T, typ Type, cases []tolerated) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.from.Version.String()+"/"+c.name, func(t *testing.T) {
			got := empty(typ)
			if err := got.Decode(c.from, c.flags, c.body); err != nil {
				t.Fatalf("got error %v; input % X", err, c.body)
			}
			if !same(got, c.want) {
				t.Errorf("got %+v\nwant %+v; input % X", got, c.want, c.body)
			}
		})
	}
}

// with returns properties with the given ones marked as present.
func with(p Properties, ids ...PropID) Properties {
	for _, id := range ids {
		p.Set(id)
	}
	return p
}
