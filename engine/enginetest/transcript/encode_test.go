package transcript

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// encode makes the packet of a command.
func (c *client) encode(a args) []byte {
	switch a.verb {
	case "connect":
		return c.connect(a)
	case "publish":
		return c.publish(a)
	case "puback":
		return c.acks(a, mqtt.PUBACK)
	case "pubrec":
		return c.acks(a, mqtt.PUBREC)
	case "pubrel":
		return c.acks(a, mqtt.PUBREL)
	case "pubcomp":
		return c.acks(a, mqtt.PUBCOMP)
	case "subscribe":
		return c.subscribe(a)
	case "unsubscribe":
		p := mqtt.Unsubscribe{ID: c.id(a)}
		for _, w := range a.words {
			p.Filters = append(p.Filters, []byte(w))
		}
		return p.AppendTo(nil, c.version, 0)
	case "disconnect":
		return c.disconnect(a)
	case "auth":
		p := mqtt.Auth{Reason: mqtt.Reason(a.code(a.text("code", "18")))}
		login(a, &p.Props)
		return p.AppendTo(nil, c.version, 0)
	case "pingreq":
		c.pongs = append(c.pongs, false)
		return mqtt.AppendPingreq(nil)
	case "raw":
		b, err := hex.DecodeString(strings.Join(a.words, ""))
		if err != nil {
			c.s.fatalf("%v", err)
		}
		if len(b) > 0 && mqtt.Type(b[0]>>4) == mqtt.PINGREQ {
			c.pongs = append(c.pongs, false)
		}
		return b
	}
	c.s.fatalf("unknown command %q", a.verb)
	return nil
}

func (c *client) connect(a args) []byte {
	c.speak(a)
	p := mqtt.Connect{
		Version: c.version, CleanStart: a.number("clean", 1) == 1, KeepAlive: uint16(a.number("keepalive", 0)),
		ClientID: []byte(a.text("id", c.name)),
	}
	for _, x := range a.pairs {
		switch x[0] {
		case "expiry":
			p.Props.SessionExpiry = uint32(a.atoi(x[1]))
			p.Props.Set(mqtt.PropSessionExpiry)
		case "recvmax":
			p.Props.ReceiveMaximum = uint16(a.atoi(x[1]))
			p.Props.Set(mqtt.PropReceiveMaximum)
		case "maxpacket":
			p.Props.MaximumPacketSize = uint32(a.atoi(x[1]))
			p.Props.Set(mqtt.PropMaximumPacketSize)
		case "aliasmax":
			p.Props.TopicAliasMaximum = uint16(a.atoi(x[1]))
			p.Props.Set(mqtt.PropTopicAliasMaximum)
		case "problem":
			p.Props.RequestProblem = byte(a.atoi(x[1]))
			p.Props.Set(mqtt.PropRequestProblem)
		case "response":
			p.Props.RequestResponse = byte(a.atoi(x[1]))
			p.Props.Set(mqtt.PropRequestResponse)
		case "user":
			p.HasUsername, p.Username = true, []byte(x[1])
		case "pass":
			p.HasPassword, p.Password = true, []byte(x[1])
		case "will":
			p.HasWill = true
			p.Will = will(a, x[1])
		}
	}
	login(a, &p.Props)
	c.s.rig.ids[string(p.ClientID)] = true
	return p.AppendTo(nil)
}

// login sets the properties of enhanced authentication.
func login(a args, p *mqtt.Properties) {
	if v, ok := a.get("method"); ok {
		p.AuthMethod = []byte(v)
		p.Set(mqtt.PropAuthMethod)
	}
	if v, ok := a.get("data"); ok {
		p.AuthData = []byte(v)
		p.Set(mqtt.PropAuthData)
	}
}

func will(a args, topic string) mqtt.Will {
	w := mqtt.Will{Topic: []byte(topic), Payload: []byte(a.text("message", "gone")), QoS: byte(a.number("willqos", 0)), Retain: a.flag("willretain")}
	if v, ok := a.get("willdelay"); ok {
		w.Props.WillDelay = uint32(a.atoi(v))
		w.Props.Set(mqtt.PropWillDelay)
	}
	if v, ok := a.get("willexpiry"); ok {
		w.Props.MessageExpiry = uint32(a.atoi(v))
		w.Props.Set(mqtt.PropMessageExpiry)
	}
	return w
}

// publish makes one PUBLISH, or several with payload and identifier counted up.
func (c *client) publish(a args) (b []byte) {
	p := mqtt.Publish{
		Topic: []byte(a.word(0)), QoS: byte(a.number("qos", 0)), Dup: a.flag("dup"), Retain: a.flag("retain"),
	}
	payload := ""
	if len(a.words) > 1 {
		payload = a.words[1]
	}
	if p.QoS > 0 {
		p.ID = c.id(a)
	}
	publishProps(a, &p.Props)
	count := a.number("count", 1)
	for i := range count {
		p.Payload = []byte(payload)
		if strings.Contains(payload, "%d") {
			p.Payload = fmt.Appendf(nil, payload, i+1)
		}
		for n := a.number("size", 0); len(p.Payload) < n; {
			p.Payload = append(p.Payload, '.')
		}
		b = p.AppendTo(b, c.version)
		if p.QoS > 0 {
			p.ID++
		}
	}
	return b
}

func publishProps(a args, p *mqtt.Properties) {
	for _, x := range a.pairs {
		switch x[0] {
		case "expiry":
			p.MessageExpiry = uint32(a.atoi(x[1]))
			p.Set(mqtt.PropMessageExpiry)
		case "alias":
			p.TopicAlias = uint16(a.atoi(x[1]))
			p.Set(mqtt.PropTopicAlias)
		case "format":
			p.PayloadFormat = byte(a.atoi(x[1]))
			p.Set(mqtt.PropPayloadFormat)
		case "type":
			p.ContentType = []byte(x[1])
			p.Set(mqtt.PropContentType)
		case "response":
			p.ResponseTopic = []byte(x[1])
			p.Set(mqtt.PropResponseTopic)
		case "correlation":
			p.CorrelationData = []byte(x[1])
			p.Set(mqtt.PropCorrelationData)
		case "user":
			name, value, _ := strings.Cut(x[1], ":")
			p.User = append(p.User, mqtt.UserProperty{Name: []byte(name), Value: []byte(value)})
		}
	}
}

func (c *client) acks(a args, typ mqtt.Type) (b []byte) {
	for _, w := range a.words {
		p := mqtt.Ack{Type: typ, ID: uint16(a.atoi(w)), Reason: mqtt.Reason(a.code(a.text("code", "00")))}
		b = p.AppendTo(b, c.version, 0)
	}
	return b
}

// subscribe makes a SUBSCRIBE of filters, each with its options behind commas.
func (c *client) subscribe(a args) []byte {
	p := mqtt.Subscribe{ID: c.id(a)}
	if n := a.number("subid", 0); n > 0 {
		p.Props.SubscriptionIDs = []uint32{uint32(n)}
	}
	for _, w := range a.words {
		parts := strings.Split(w, ",")
		f := mqtt.Subscription{Filter: []byte(parts[0])}
		for _, o := range parts[1:] {
			switch o {
			case "q1", "q2":
				f.Options |= o[1] - '0'
			case "nl":
				f.Options |= 1 << 2
			case "rap":
				f.Options |= 1 << 3
			case "rh1", "rh2":
				f.Options |= (o[2] - '0') << 4
			default:
				c.s.fatalf("unknown subscription option %q", o)
			}
		}
		p.Filters = append(p.Filters, f)
	}
	return p.AppendTo(nil, c.version, 0)
}

func (c *client) disconnect(a args) []byte {
	p := mqtt.Disconnect{Reason: mqtt.Reason(a.code(a.text("code", "00")))}
	if v, ok := a.get("expiry"); ok {
		p.Props.SessionExpiry = uint32(a.atoi(v))
		p.Props.Set(mqtt.PropSessionExpiry)
	}
	return p.AppendTo(nil, c.version, 0)
}

// id is the packet identifier of a command, or the client's next.
func (c *client) id(a args) uint16 {
	if n := a.number("id", 0); n > 0 {
		return uint16(n)
	}
	c.ids++
	return uint16(c.ids)
}
