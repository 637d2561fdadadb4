package client

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/trie"
)

// Message is an application message: what Publish takes and what a Handler gets.
type Message struct {
	Topic   string
	Payload []byte
	QoS     byte
	Retain  bool
	Props   mqtt.Properties // 5.0; left out for 3.x

	Dup bool   // incoming only: the server marked it as sent before
	ID  uint16 // incoming only, 0 at QoS 0

	refusal mqtt.Reason
}

// Refuse makes the acknowledgement of an incoming QoS 1 or 2 message carry r, a reason of 0x80 or
// above (5.0 only; older versions have no way to say it). To be called by the handler.
func (m *Message) Refuse(r mqtt.Reason) { m.refusal = r }

// ErrMessage says that a message or filter breaks a rule of the protocol before anything was sent.
var ErrMessage = errors.New("client: bad message")

func badMessage(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrMessage, fmt.Sprintf(format, a...))
}

// check holds m against the protocol and against what this server announced.
func (c *Client) check(m *Message) error {
	v5 := c.version == mqtt.V5
	switch {
	case m.QoS > 2: // [MQTT-3.3.1-4]
		return badMessage("QoS %d", m.QoS)
	case m.Topic == "" && v5 && m.Props.Has(mqtt.PropTopicAlias):
		// The alias stands for the topic; whether it is known is seen when it is written.
	default:
		if err := CheckTopic(m.Topic); err != nil {
			return err
		}
	}
	if m.QoS > c.server.maximumQoS { // [MQTT-3.2.2-11]
		return fmt.Errorf("publish at QoS %d: %w", m.QoS, mqtt.QoSNotSupported)
	}
	if m.Retain && !c.server.retain { // [MQTT-3.2.2-14]
		return fmt.Errorf("publish retained: %w", mqtt.RetainNotSupported)
	}
	if !v5 {
		return nil
	}
	if len(m.Props.SubscriptionIDs) > 0 { // [MQTT-3.3.4-6]
		return badMessage("a client's PUBLISH has no subscription identifier")
	}
	if a := m.Props.TopicAlias; m.Props.Has(mqtt.PropTopicAlias) && (a == 0 || a > c.server.topicAliasMaximum) {
		// [MQTT-3.2.2-17] [MQTT-3.2.2-18] [MQTT-3.3.2-8] [MQTT-3.3.2-9]
		return fmt.Errorf("publish with alias %d of %d: %w", a, c.server.topicAliasMaximum, mqtt.TopicAliasInvalid)
	}
	return checkProps(&m.Props)
}

// CheckTopic tells what is wrong with a topic name, without asking a server.
func CheckTopic(topic string) error {
	if !validString(topic) || !trie.ValidName([]byte(topic)) { // [MQTT-3.3.2-1] [MQTT-3.3.2-2]
		return badMessage("topic name %q", topic)
	}
	return nil
}

// checkProps looks at the strings of a PUBLISH or will. [MQTT-1.5.7-1]
func checkProps(p *mqtt.Properties) error {
	if p.Has(mqtt.PropResponseTopic) { // [MQTT-3.3.2-13] [MQTT-3.3.2-14]
		if !validString(string(p.ResponseTopic)) || !trie.ValidName(p.ResponseTopic) {
			return badMessage("response topic %q", p.ResponseTopic)
		}
	}
	if p.Has(mqtt.PropContentType) && !validString(string(p.ContentType)) { // [MQTT-3.3.2-19]
		return badMessage("content type is no valid string")
	}
	if p.Has(mqtt.PropCorrelationData) && len(p.CorrelationData) > maxString {
		return badMessage("correlation data of %d bytes", len(p.CorrelationData))
	}
	return checkUser(p.User)
}

func checkUser(user []mqtt.UserProperty) error {
	for _, u := range user {
		if !validString(string(u.Name)) || !validString(string(u.Value)) {
			return badMessage("user property is no pair of valid strings")
		}
	}
	return nil
}

// packet is m as the codec wants it.
func (m *Message) packet(v mqtt.Version, id uint16) mqtt.Publish {
	p := mqtt.Publish{QoS: m.QoS, Retain: m.Retain, Topic: []byte(m.Topic), ID: id, Payload: m.Payload}
	if v == mqtt.V5 {
		p.Props = m.Props
	}
	return p
}

// received decodes a PUBLISH into bytes of its own: the reader's buffer is used again at once.
func received(flags byte, body []byte, v mqtt.Version) (*Message, error) {
	var p mqtt.Publish
	if err := p.Decode(mqtt.Peer{Version: v, Server: true}, flags, bytes.Clone(body)); err != nil {
		return nil, err
	}
	return &Message{
		Topic: string(p.Topic), Payload: p.Payload, QoS: p.QoS, Retain: p.Retain,
		Props: p.Props, Dup: p.Dup, ID: p.ID,
	}, nil
}
