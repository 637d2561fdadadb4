package transcript

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// describe gives a packet in one line, and what a client answers that does so by itself.
func (c *client) describe(h mqtt.Header, body []byte) (line string, answer []byte, err error) {
	from := mqtt.Peer{Version: c.version, Server: true}
	if err := h.Check(from); err != nil {
		return "", nil, err
	}
	w := &words{}
	switch h.Type {
	case mqtt.CONNACK:
		var p mqtt.Connack
		err = p.Decode(from, h.Flags, body)
		w.add("CONNACK")
		if id := p.Props.AssignedClientID; len(id) > 0 {
			c.s.rig.ids[string(id)] = true
		}
		w.when(p.SessionPresent, "present")
		w.reason(p.Reason)
		w.properties(&p.Props)
	case mqtt.PUBLISH:
		var p mqtt.Publish
		err = p.Decode(from, h.Flags, body)
		w.publish(&p)
		switch p.QoS {
		case 1:
			answer = mqtt.AppendAck(nil, mqtt.PUBACK, p.ID, 0, c.version)
		case 2:
			answer = mqtt.AppendAck(nil, mqtt.PUBREC, p.ID, 0, c.version)
		}
	case mqtt.PUBACK, mqtt.PUBREC, mqtt.PUBREL, mqtt.PUBCOMP:
		p := mqtt.Ack{Type: h.Type}
		err = p.Decode(from, h.Flags, body)
		w.add("%v %d", h.Type, p.ID)
		w.reason(p.Reason)
		w.properties(&p.Props)
		switch h.Type {
		case mqtt.PUBREC:
			answer = mqtt.AppendAck(nil, mqtt.PUBREL, p.ID, 0, c.version)
		case mqtt.PUBREL:
			answer = mqtt.AppendAck(nil, mqtt.PUBCOMP, p.ID, 0, c.version)
		}
	case mqtt.SUBACK:
		var p mqtt.Suback
		err = p.Decode(from, h.Flags, body)
		w.add("SUBACK %d:", p.ID)
		w.codes(p.Codes)
		w.properties(&p.Props)
	case mqtt.UNSUBACK:
		var p mqtt.Unsuback
		err = p.Decode(from, h.Flags, body)
		w.add("UNSUBACK %d:", p.ID)
		w.codes(p.Codes)
		w.properties(&p.Props)
	case mqtt.DISCONNECT:
		var p mqtt.Disconnect
		err = p.Decode(from, h.Flags, body)
		w.add("DISCONNECT")
		w.reason(p.Reason)
		w.properties(&p.Props)
	case mqtt.AUTH:
		var p mqtt.Auth
		err = p.Decode(from, h.Flags, body)
		w.add("AUTH")
		w.reason(p.Reason)
		w.properties(&p.Props)
	default:
		w.add("%v", h.Type)
	}
	return strings.Join(*w, " "), answer, err
}

// words is a line on its way.
type words []string

func (w *words) add(format string, args ...any) { *w = append(*w, fmt.Sprintf(format, args...)) }

func (w *words) when(yes bool, word string) {
	if yes {
		w.add("%s", word)
	}
}

func (w *words) reason(r mqtt.Reason) {
	if r != mqtt.Success {
		w.add("%02X %v", uint8(r), r)
	}
}

func (w *words) codes(codes []mqtt.Reason) {
	for _, r := range codes {
		if r <= mqtt.GrantedQoS2 {
			w.add("%d", r)
		} else {
			w.add("(%02X %v)", uint8(r), r)
		}
	}
}

// shown is how much of a payload is written down.
const shown = 40

func (w *words) publish(p *mqtt.Publish) {
	w.add("PUBLISH")
	w.when(len(p.Topic) > 0, string(p.Topic))
	if len(p.Payload) > shown {
		w.add("%q... %d bytes", bytes.TrimRight(p.Payload[:8], "."), len(p.Payload))
	} else {
		w.add("%q", p.Payload)
	}
	if p.QoS > 0 {
		w.add("qos=%d id=%d", p.QoS, p.ID)
	}
	w.when(p.Dup, "dup")
	w.when(p.Retain, "retain")
	w.properties(&p.Props)
}

func (w *words) properties(p *mqtt.Properties) {
	number := func(id mqtt.PropID, name string, v uint32) {
		if p.Has(id) {
			w.add("%s=%d", name, v)
		}
	}
	text := func(id mqtt.PropID, name string, v []byte) {
		if p.Has(id) {
			w.add("%s=%q", name, v)
		}
	}
	number(mqtt.PropPayloadFormat, "format", uint32(p.PayloadFormat))
	number(mqtt.PropMessageExpiry, "expiry", p.MessageExpiry)
	text(mqtt.PropContentType, "type", p.ContentType)
	text(mqtt.PropResponseTopic, "response", p.ResponseTopic)
	text(mqtt.PropCorrelationData, "correlation", p.CorrelationData)
	for _, id := range p.SubscriptionIDs {
		w.add("subid=%d", id)
	}
	number(mqtt.PropSessionExpiry, "expiry", p.SessionExpiry)
	w.when(p.Has(mqtt.PropAssignedClientID), "assigned=*") // it is random
	number(mqtt.PropServerKeepAlive, "keepalive", uint32(p.ServerKeepAlive))
	text(mqtt.PropAuthMethod, "method", p.AuthMethod)
	text(mqtt.PropAuthData, "data", p.AuthData)
	text(mqtt.PropResponseInfo, "response", p.ResponseInfo)
	text(mqtt.PropServerReference, "reference", p.ServerReference)
	w.when(p.Has(mqtt.PropReasonString), "because=*") // its words are nobody's to rely on
	number(mqtt.PropReceiveMaximum, "recvmax", uint32(p.ReceiveMaximum))
	number(mqtt.PropTopicAliasMaximum, "aliasmax", uint32(p.TopicAliasMaximum))
	number(mqtt.PropTopicAlias, "alias", uint32(p.TopicAlias))
	number(mqtt.PropMaximumQoS, "maxqos", uint32(p.MaximumQoS))
	number(mqtt.PropRetainAvailable, "retain", uint32(p.RetainAvailable))
	number(mqtt.PropMaximumPacketSize, "maxpacket", p.MaximumPacketSize)
	number(mqtt.PropWildcardAvailable, "wildcards", uint32(p.WildcardAvailable))
	number(mqtt.PropSubscriptionIDAvailable, "subids", uint32(p.SubscriptionIDAvailable))
	number(mqtt.PropSharedAvailable, "shared", uint32(p.SharedAvailable))
	for _, u := range p.User {
		w.add("user=%s:%s", u.Name, u.Value)
	}
}
