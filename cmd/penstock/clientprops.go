package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// willProperties stands for the will's block of the CONNECT where a packet type stands for its only one.
const willProperties mqtt.Type = 0

// properties are the properties of -D, by packet.
type properties map[mqtt.Type]*mqtt.Properties

// of returns the properties of one packet.
func (p properties) of(t mqtt.Type) mqtt.Properties {
	if set := p[t]; set != nil {
		return *set
	}
	return mqtt.Properties{}
}

// Packets by their names on the command line.
var propertyCommands = map[string]mqtt.Type{
	"CONNECT": mqtt.CONNECT, "WILL": willProperties, "PUBLISH": mqtt.PUBLISH, "SUBSCRIBE": mqtt.SUBSCRIBE,
	"UNSUBSCRIBE": mqtt.UNSUBSCRIBE, "DISCONNECT": mqtt.DISCONNECT,
}

// propertySyntax says where a property may stand and how its value is read.
type propertySyntax struct {
	id  mqtt.PropID
	in  []mqtt.Type
	set func(p *mqtt.Properties, value string) error
}

var (
	inConnect = []mqtt.Type{mqtt.CONNECT}
	inMessage = []mqtt.Type{mqtt.PUBLISH, willProperties}
)

// userProperty takes two values and is not in the table.
const userProperty = "user-property"

var propertySyntaxes = map[string]propertySyntax{
	"authentication-data":          {mqtt.PropAuthData, inConnect, bytesProperty(func(p *mqtt.Properties) *[]byte { return &p.AuthData })},
	"authentication-method":        {mqtt.PropAuthMethod, inConnect, bytesProperty(func(p *mqtt.Properties) *[]byte { return &p.AuthMethod })},
	"maximum-packet-size":          {mqtt.PropMaximumPacketSize, inConnect, number(func(p *mqtt.Properties) *uint32 { return &p.MaximumPacketSize }, 1, 0)},
	"receive-maximum":              {mqtt.PropReceiveMaximum, inConnect, number(func(p *mqtt.Properties) *uint16 { return &p.ReceiveMaximum }, 1, 0)},
	"request-problem-information":  {mqtt.PropRequestProblem, inConnect, number(func(p *mqtt.Properties) *byte { return &p.RequestProblem }, 0, 1)},
	"request-response-information": {mqtt.PropRequestResponse, inConnect, number(func(p *mqtt.Properties) *byte { return &p.RequestResponse }, 0, 1)},
	"topic-alias-maximum":          {mqtt.PropTopicAliasMaximum, inConnect, number(func(p *mqtt.Properties) *uint16 { return &p.TopicAliasMaximum }, 0, 0)},
	"session-expiry-interval":      {mqtt.PropSessionExpiry, []mqtt.Type{mqtt.CONNECT, mqtt.DISCONNECT}, number(func(p *mqtt.Properties) *uint32 { return &p.SessionExpiry }, 0, 0)},
	"will-delay-interval":          {mqtt.PropWillDelay, []mqtt.Type{willProperties}, number(func(p *mqtt.Properties) *uint32 { return &p.WillDelay }, 0, 0)},

	"content-type":             {mqtt.PropContentType, inMessage, bytesProperty(func(p *mqtt.Properties) *[]byte { return &p.ContentType })},
	"correlation-data":         {mqtt.PropCorrelationData, inMessage, bytesProperty(func(p *mqtt.Properties) *[]byte { return &p.CorrelationData })},
	"message-expiry-interval":  {mqtt.PropMessageExpiry, inMessage, number(func(p *mqtt.Properties) *uint32 { return &p.MessageExpiry }, 0, 0)},
	"payload-format-indicator": {mqtt.PropPayloadFormat, inMessage, number(func(p *mqtt.Properties) *byte { return &p.PayloadFormat }, 0, 1)},
	"response-topic":           {mqtt.PropResponseTopic, inMessage, bytesProperty(func(p *mqtt.Properties) *[]byte { return &p.ResponseTopic })},
	"topic-alias":              {mqtt.PropTopicAlias, []mqtt.Type{mqtt.PUBLISH}, number(func(p *mqtt.Properties) *uint16 { return &p.TopicAlias }, 1, 0)},

	"subscription-identifier": {mqtt.PropSubscriptionID, []mqtt.Type{mqtt.SUBSCRIBE}, subscriptionID},
}

func bytesProperty(field func(*mqtt.Properties) *[]byte) func(*mqtt.Properties, string) error {
	return func(p *mqtt.Properties, value string) error {
		*field(p) = []byte(value)
		return nil
	}
}

// number reads an integer of the field's own width, from least to most (0: what the width holds).
func number[T byte | uint16 | uint32](field func(*mqtt.Properties) *T, least, most uint64) func(*mqtt.Properties, string) error {
	if most == 0 {
		most = uint64(^T(0))
	}
	return func(p *mqtt.Properties, value string) error {
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil || n < least || n > most {
			return fmt.Errorf("%q is no number from %d to %d", value, least, most)
		}
		*field(p) = T(n)
		return nil
	}
}

func subscriptionID(p *mqtt.Properties, value string) error {
	n, err := strconv.ParseUint(value, 10, 32)
	if err != nil || n < 1 || n > mqtt.MaxRemaining {
		return fmt.Errorf("%q is no number from 1 to %d", value, mqtt.MaxRemaining)
	}
	p.SubscriptionIDs = []uint32{uint32(n)}
	return nil
}

// arguments are what was given to each -D: packet, property and value, or two values for a user property.
type arguments [][]string

// Decode takes the three or four arguments of one -D; it implements kong.MapperValue.
func (a *arguments) Decode(ctx *kong.DecodeContext) error {
	var list []string
	for n := 3; len(list) < n; {
		s, err := popArgument(ctx)
		if err != nil {
			return err
		}
		if list = append(list, s); len(list) == 2 && strings.EqualFold(s, userProperty) {
			n = 4
		}
	}
	*a = append(*a, list)
	return nil
}

// properties makes sense of the arguments.
func (a arguments) properties() (properties, error) {
	p := make(properties)
	for _, list := range a {
		command, name, value := strings.ToUpper(list[0]), strings.ToLower(list[1]), list[2]
		t, ok := propertyCommands[command]
		if !ok {
			return nil, fmt.Errorf("%q is no packet with properties to set", command)
		}
		if p[t] == nil {
			p[t] = new(mqtt.Properties)
		}
		if len(list) == 4 {
			p[t].User = append(p[t].User, mqtt.UserProperty{Name: []byte(value), Value: []byte(list[3])})
		} else if err := setProperty(p[t], t, command, name, value); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func setProperty(p *mqtt.Properties, t mqtt.Type, command, name, value string) error {
	syntax, ok := propertySyntaxes[name]
	if !ok {
		return fmt.Errorf("%q is no property", name)
	}
	for _, allowed := range syntax.in {
		if allowed == t {
			if err := syntax.set(p, value); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			p.Set(syntax.id)
			return nil
		}
	}
	return fmt.Errorf("%s is no property of %s", name, command)
}
