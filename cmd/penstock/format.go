package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// format prints messages as mosquitto_sub's -F describes: % for what belongs to the message, @ for strftime, \ for
// characters that are hard to type.
type format []piece

// piece is one part of a format. literal stands alone; otherwise print gives the text, which pad brings to width.
type piece struct {
	literal []byte
	print   func(dst []byte, r *record) ([]byte, error)
	pad     padding
}

// record is one message as the pieces see it.
type record struct {
	*client.Message
	at     time.Time
	pretty bool
}

// padding is what may stand between % and the letter.
type padding struct {
	zero, left bool
	width      int
	most       int // -1: no limit
}

// directive is a letter after %.
type directive struct {
	print    func(dst []byte, r *record) ([]byte, error)
	wide     bool // takes a width
	zeroes   bool // takes the 0 flag
	shortens bool // takes a maximum width
}

var directives = map[byte]directive{
	'A': {print: property(mqtt.PropTopicAlias, func(p *mqtt.Properties) string { return fmt.Sprint(p.TopicAlias) }), wide: true, zeroes: true},
	'C': {print: property(mqtt.PropContentType, func(p *mqtt.Properties) string { return string(p.ContentType) }), wide: true, shortens: true},
	'D': {print: property(mqtt.PropCorrelationData, func(p *mqtt.Properties) string { return string(p.CorrelationData) })},
	'E': {print: property(mqtt.PropMessageExpiry, func(p *mqtt.Properties) string { return fmt.Sprint(p.MessageExpiry) }), wide: true, zeroes: true},
	'F': {print: property(mqtt.PropPayloadFormat, func(p *mqtt.Properties) string { return fmt.Sprint(p.PayloadFormat) }), wide: true, zeroes: true},
	'I': {print: plain(func(r *record) string { return r.at.Format("2006-01-02T15:04:05-0700") }), wide: true, shortens: true},
	'J': {print: func(dst []byte, r *record) ([]byte, error) { return appendJSON(dst, r, true) }},
	'j': {print: func(dst []byte, r *record) ([]byte, error) { return appendJSON(dst, r, false) }},
	'l': {print: plain(func(r *record) string { return strconv.Itoa(len(r.Payload)) }), wide: true, zeroes: true},
	'm': {print: plain(func(r *record) string { return fmt.Sprint(r.ID) }), wide: true, zeroes: true},
	'P': {print: plain(userProperties)},
	'p': {print: func(dst []byte, r *record) ([]byte, error) { return append(dst, r.Payload...), nil }, wide: true, zeroes: true},
	'q': {print: plain(func(r *record) string { return fmt.Sprint(r.QoS) })},
	'R': {print: property(mqtt.PropResponseTopic, func(p *mqtt.Properties) string { return string(p.ResponseTopic) }), wide: true, shortens: true},
	'r': {print: plain(func(r *record) string { return bit(r.Retain) })},
	'S': {print: plain(subscriptionIDs), wide: true, zeroes: true},
	't': {print: plain(func(r *record) string { return r.Topic }), wide: true, shortens: true},
	'U': {print: plain(func(r *record) string { return fmt.Sprintf("%d.%09d", r.at.Unix(), r.at.Nanosecond()) })},
	'x': {print: func(dst []byte, r *record) ([]byte, error) { return hex.AppendEncode(dst, r.Payload), nil }, wide: true, zeroes: true},
	'X': {print: plain(func(r *record) string { return strings.ToUpper(hex.EncodeToString(r.Payload)) }), wide: true, zeroes: true},
}

func plain(f func(r *record) string) func([]byte, *record) ([]byte, error) {
	return func(dst []byte, r *record) ([]byte, error) { return append(dst, f(r)...), nil }
}

// property prints nothing for a property that is not there.
func property(id mqtt.PropID, f func(p *mqtt.Properties) string) func([]byte, *record) ([]byte, error) {
	return func(dst []byte, r *record) ([]byte, error) {
		if r.Props.Has(id) {
			dst = append(dst, f(&r.Props)...)
		}
		return dst, nil
	}
}

func userProperties(r *record) string {
	var pairs []string
	for _, u := range r.Props.User {
		pairs = append(pairs, string(u.Name)+":"+string(u.Value))
	}
	return strings.Join(pairs, " ")
}

func subscriptionIDs(r *record) string {
	var ids []string
	for _, id := range r.Props.SubscriptionIDs {
		ids = append(ids, fmt.Sprint(id))
	}
	return strings.Join(ids, " ")
}

func bit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

var escapes = map[byte]byte{'\\': '\\', '0': 0, 'a': '\a', 'e': 0x1B, 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

var errIncomplete = errors.New("incomplete format specifier")

// parseFormat reads a format; what it does not know is an error.
func parseFormat(s string) (f format, err error) {
	for len(s) > 0 {
		i := strings.IndexAny(s, `%@\`)
		if i != 0 {
			if i < 0 {
				i = len(s)
			}
			f = append(f, piece{literal: []byte(s[:i])})
			s = s[i:]
			continue
		}
		if len(s) == 1 {
			return nil, errIncomplete
		}
		var p piece
		if p, s, err = parseSequence(s[0], s[1:]); err != nil {
			return nil, err
		}
		f = append(f, p)
	}
	return f, nil
}

// parseSequence reads what follows one of the three special characters; s is not empty.
func parseSequence(kind byte, s string) (p piece, rest string, err error) {
	c := s[0]
	switch {
	case kind == c && kind != '\\':
		return piece{literal: []byte{c}}, s[1:], nil
	case kind == '%':
		return parseDirective(s)
	case kind == '@':
		print, ok := timeDirective(c)
		if !ok {
			return p, "", fmt.Errorf("invalid time specifier '%c'", c)
		}
		return piece{print: plain(func(r *record) string { return print(r.at) }), pad: padding{most: -1}}, s[1:], nil
	}
	e, ok := escapes[c]
	if !ok {
		return p, "", fmt.Errorf("invalid escape specifier '%c'", c)
	}
	return piece{literal: []byte{e}}, s[1:], nil
}

func parseDirective(s string) (p piece, rest string, err error) {
	pad := padding{most: -1}
	for ; s != "" && (s[0] == '0' || s[0] == '-'); s = s[1:] {
		pad.zero = pad.zero || s[0] == '0'
		pad.left = pad.left || s[0] == '-'
	}
	if pad.width, s, err = digits(s); err != nil {
		return p, "", err
	}
	if strings.HasPrefix(s, ".") {
		if pad.most, s, err = digits(s[1:]); err != nil {
			return p, "", err
		}
	}
	if s == "" {
		return p, "", errIncomplete
	}
	d, ok := directives[s[0]]
	if !ok {
		return p, "", fmt.Errorf("invalid format specifier '%c'", s[0])
	}
	if !d.wide {
		pad.width = 0
	}
	if !d.shortens {
		pad.most = -1
	}
	pad.zero = pad.zero && d.zeroes && !pad.left
	return piece{print: d.print, pad: pad}, s[1:], nil
}

// digits reads a width; a line of more than a few thousand characters is a slip.
func digits(s string) (n int, rest string, err error) {
	for ; s != "" && '0' <= s[0] && s[0] <= '9'; s = s[1:] {
		if n = n*10 + int(s[0]-'0'); n > 9999 {
			return 0, "", errors.New("format width is too large")
		}
	}
	return n, s, nil
}

// append prints one message. Of a piece that fails nothing is printed; the others are, and the error is returned.
func (f format) append(dst []byte, r *record) ([]byte, error) {
	var failure error
	for _, p := range f {
		if p.print == nil {
			dst = append(dst, p.literal...)
			continue
		}
		start := len(dst)
		whole, err := p.print(dst, r)
		if err != nil {
			failure = err
			continue
		}
		dst = p.pad.apply(whole, start)
	}
	return dst, failure
}

// apply shortens and fills up what stands in b from start on.
func (p padding) apply(b []byte, start int) []byte {
	if p.most >= 0 && len(b)-start > p.most {
		b = b[:start+p.most]
	}
	n := p.width - (len(b) - start)
	if n <= 0 {
		return b
	}
	fill := []byte{' '}
	if p.zero {
		fill[0] = '0'
	}
	if p.left {
		return append(b, bytes.Repeat(fill, n)...)
	}
	text := bytes.Clone(b[start:])
	return append(append(b[:start], bytes.Repeat(fill, n)...), text...)
}
