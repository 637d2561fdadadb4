package engine

import "github.com/penstock-mqtt/penstock/codec/mqtt"

// aliases are a connection's topic aliases, both ways. They end with the connection. [MQTT-3.3.2-7]
type aliases struct {
	in     [][]byte          // set by the client; index alias-1, nil: not set
	out    map[string]uint16 // assigned by the broker
	last   string            // the topic whose alias was assigned last
	outMax uint16
}

func (c *conn) aliases() *aliases {
	x := c.extras()
	if x.alias == nil {
		x.alias = &aliases{}
	}
	return x.alias
}

// resolveAlias sets an alias of the client or replaces it by its topic. [MQTT-3.3.2-12]
func (l *loop) resolveAlias(c *conn, p *mqtt.Publish) error {
	if c.version != mqtt.V5 || !p.Props.Has(mqtt.PropTopicAlias) {
		return nil
	}
	n := int(p.Props.TopicAlias)
	if n > c.live.Limits.TopicAliasMaximum { // [MQTT-3.2.2-17] [MQTT-3.3.2-9]
		return &mqtt.Error{Reason: mqtt.TopicAliasInvalid, Rule: "MQTT-3.3.2-9", Detail: "topic alias above the Topic Alias Maximum"}
	}
	a := c.aliases()
	if len(p.Topic) > 0 {
		for len(a.in) < n {
			a.in = append(a.in, nil)
		}
		a.in[n-1] = append(a.in[n-1][:0], p.Topic...)
		return nil
	}
	if n > len(a.in) || a.in[n-1] == nil {
		return &mqtt.Error{Reason: mqtt.ProtocolError, Rule: "MQTT-3.3.2-7", Detail: "topic alias without a topic"}
	}
	p.Topic = a.in[n-1]
	return nil
}

func (c *conn) assignsAliases() bool { return c.x != nil && c.x.alias != nil && c.x.alias.outMax > 0 }

// assign gives the alias for a topic, setting one while there are any left. It is called when the packet is encoded
// for its write, behind which nothing drops it. [MQTT-3.1.2-26] [MQTT-3.3.2-11]
func (a *aliases) assign(topic []byte) (alias uint16, known bool) {
	if n, ok := a.out[string(topic)]; ok {
		return n, true
	}
	if len(a.out) >= int(a.outMax) {
		return 0, false
	}
	if a.out == nil {
		a.out = map[string]uint16{}
	}
	n := uint16(len(a.out) + 1)
	a.last = string(topic)
	a.out[a.last] = n
	return n, false
}

// takeBack frees the alias that was assigned last, because its packet is not sent after all.
func (a *aliases) takeBack(alias uint16) {
	if a.out[a.last] == alias {
		delete(a.out, a.last)
	}
}
