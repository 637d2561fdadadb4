package client

import (
	"fmt"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// aliases are the topic aliases of our PUBLISHes on one connection. They are not kept for the next
// one. [MQTT-3.3.2-7]
type aliases struct {
	max    int // how many the client assigns by itself, from 1 on
	number map[string]uint16
	topic  map[uint16]string
}

func (a *aliases) set(n uint16, topic string) {
	if a.topic == nil {
		a.topic, a.number = make(map[uint16]string), make(map[string]uint16)
	}
	if old, ok := a.topic[n]; ok {
		delete(a.number, old)
	}
	a.topic[n], a.number[topic] = topic, n
}

// expand fills in the topic that m left to its alias.
func (a *aliases) expand(m *Message) error {
	if m.Topic != "" {
		return nil
	}
	topic, ok := a.topic[m.Props.TopicAlias]
	if !ok {
		return fmt.Errorf("publish with alias %d, not set yet: %w", m.Props.TopicAlias, mqtt.TopicAliasInvalid)
	}
	m.Topic = topic
	return nil
}

// choose returns the alias to send p's topic under, 0 for none, and whether the server knows it.
func (a *aliases) choose(topic string) (n uint16, known bool) {
	if n, ok := a.number[topic]; ok {
		return n, true
	}
	for n := len(a.topic) + 1; n <= a.max; n++ {
		if _, taken := a.topic[uint16(n)]; !taken {
			return uint16(n), false
		}
	}
	return 0, false
}

// resolve puts the topic behind the alias of an incoming PUBLISH back. [MQTT-3.3.2-10]
func (c *Client) resolve(m *Message) error {
	if !m.Props.Has(mqtt.PropTopicAlias) {
		return nil
	}
	n := m.Props.TopicAlias
	most := uint16(0)
	if c.opt.Props.Has(mqtt.PropTopicAliasMaximum) {
		most = c.opt.Props.TopicAliasMaximum
	}
	if n == 0 || n > most {
		return fmt.Errorf("topic alias %d of %d: %w", n, most, mqtt.TopicAliasInvalid)
	}
	if m.Topic != "" {
		if c.inAlias == nil {
			c.inAlias = make(map[uint16]string)
		}
		c.inAlias[n] = m.Topic
		return nil
	}
	topic, ok := c.inAlias[n]
	if !ok {
		return violation("topic alias %d without a topic", n)
	}
	m.Topic = topic
	return nil
}
