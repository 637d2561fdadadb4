package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// jsonWriter writes JSON the way mosquitto_sub does: on one line, or pretty with tabs and arrays on one line. It
// writes a name twice if told so (user properties), and bytes that are no UTF-8 as they are.
type jsonWriter struct {
	b      []byte
	pretty bool
	depth  int
	empty  bool // nothing is in the innermost object or array yet
}

func (w *jsonWriter) open(c byte) {
	w.b = append(w.b, c)
	w.depth++
	w.empty = true
}

// close ends an object or array. Arrays stay on their line.
func (w *jsonWriter) close(c byte) {
	w.depth--
	if c == '}' {
		w.line()
	}
	w.b = append(w.b, c)
	w.empty = false
}

func (w *jsonWriter) line() {
	if w.pretty {
		w.b = append(w.b, '\n')
		w.b = append(w.b, bytes.Repeat([]byte{'\t'}, w.depth)...)
	}
}

// name begins a member of an object.
func (w *jsonWriter) name(s string) {
	if !w.empty {
		w.b = append(w.b, ',')
	}
	w.line()
	w.text([]byte(s))
	w.b = append(w.b, ':')
	if w.pretty {
		w.b = append(w.b, '\t')
	}
	w.empty = false
}

// element begins an element of an array.
func (w *jsonWriter) element() {
	if !w.empty {
		w.b = append(w.b, ',')
		if w.pretty {
			w.b = append(w.b, ' ')
		}
	}
	w.empty = false
}

func (w *jsonWriter) raw(v any) { w.b = fmt.Append(w.b, v) }

var jsonEscapes = map[byte]byte{'"': '"', '\\': '\\', '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}

func (w *jsonWriter) text(s []byte) {
	w.b = append(w.b, '"')
	for _, c := range s {
		e, ok := jsonEscapes[c]
		switch {
		case ok:
			w.b = append(w.b, '\\', e)
		case c < 0x20:
			w.b = fmt.Appendf(w.b, `\u%04x`, c)
		default:
			w.b = append(w.b, c)
		}
	}
	w.b = append(w.b, '"')
}

// appendJSON appends a message: %j with the payload as a string, %J with the payload as the JSON it is.
func appendJSON(dst []byte, r *record, parsed bool) ([]byte, error) {
	w := &jsonWriter{b: dst, pretty: r.pretty}
	w.open('{')
	w.name("tst")
	w.text([]byte(r.at.Format("2006-01-02T15:04:05.000000-0700")))
	w.name("topic")
	w.text([]byte(r.Topic))
	w.name("qos")
	w.raw(r.QoS)
	w.name("retain")
	w.raw(bit(r.Retain))
	w.name("payloadlen")
	w.raw(len(r.Payload))
	if r.QoS > 0 {
		w.name("mid")
		w.raw(r.ID)
	}
	w.properties(&r.Props)
	w.name("payload")
	switch {
	case len(r.Payload) == 0:
		w.raw("null")
	case !parsed:
		w.text(r.Payload)
	default:
		if !json.Valid(r.Payload) {
			return dst, fmt.Errorf("message payload is not valid JSON on topic %s", r.Topic)
		}
		w.copy(r.Payload)
	}
	w.close('}')
	return w.b, nil
}

// properties writes the member for what a PUBLISH may carry, if it carries any.
func (w *jsonWriter) properties(p *mqtt.Properties) {
	start, members := len(w.b), 0
	w.name("properties")
	w.open('{')
	member := func(id mqtt.PropID, name string, value func()) {
		if p.Has(id) {
			members++
			w.name(name)
			value()
		}
	}
	member(mqtt.PropContentType, "content-type", func() { w.text(p.ContentType) })
	member(mqtt.PropCorrelationData, "correlation-data", func() { w.text(p.CorrelationData) })
	member(mqtt.PropPayloadFormat, "payload-format-indicator", func() { w.raw(p.PayloadFormat) })
	member(mqtt.PropResponseTopic, "response-topic", func() { w.text(p.ResponseTopic) })
	member(mqtt.PropUser, "user-properties", func() {
		w.open('{')
		for _, u := range p.User {
			w.name(string(u.Name))
			w.text(u.Value)
		}
		w.close('}')
	})
	member(mqtt.PropMessageExpiry, "message-expiry-interval", func() { w.raw(p.MessageExpiry) })
	member(mqtt.PropTopicAlias, "topic-alias", func() { w.raw(p.TopicAlias) })
	member(mqtt.PropSubscriptionID, "subscription-identifier", func() { w.raw(p.SubscriptionIDs[0]) })
	w.close('}')
	if members == 0 {
		w.b = w.b[:start]
	}
}

// copy writes valid JSON anew in this writer's form. Numbers keep their digits.
func (w *jsonWriter) copy(valid []byte) {
	d := json.NewDecoder(bytes.NewReader(valid))
	d.UseNumber()
	var stack []byte // the closing characters of what is open
	key := false     // the next string is a member's name
	for {
		token, err := d.Token()
		if err == io.EOF {
			return
		}
		inArray := len(stack) > 0 && stack[len(stack)-1] == ']'
		if delim, ok := token.(json.Delim); ok && (delim == '}' || delim == ']') {
			w.close(byte(delim))
			stack = stack[:len(stack)-1]
			key = len(stack) > 0 && stack[len(stack)-1] == '}'
			continue
		}
		if name, ok := token.(string); ok && key {
			w.name(name)
			key = false
			continue
		}
		if inArray {
			w.element()
		}
		switch v := token.(type) {
		case json.Delim:
			w.open(byte(v))
			stack = append(stack, byte(v)+2) // '{' to '}', '[' to ']'
		case string:
			w.text([]byte(v))
		case nil:
			w.raw("null")
		default:
			w.raw(v)
		}
		key = len(stack) > 0 && stack[len(stack)-1] == '}'
	}
}
