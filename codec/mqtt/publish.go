package mqtt

// Publish is the PUBLISH packet. ID is 0 at QoS 0.
type Publish struct {
	Dup     bool
	QoS     byte
	Retain  bool
	Topic   []byte
	ID      uint16
	Props   Properties
	Payload []byte
}

var (
	faultQoS3       = newFault(MalformedPacket, "MQTT-3.3.1-4", "MQTT-3.3.1-4", "PUBLISH with QoS 3")
	faultDupQoS0    = newFault(MalformedPacket, "MQTT-3.3.1-2", "MQTT-3.3.1-2", "PUBLISH with DUP at QoS 0")
	faultNoTopic    = newFault(MalformedPacket, "MQTT-3.3.2-1", "MQTT-3.3.2-1", "PUBLISH without a whole topic name")
	faultTopicWild  = newFault(TopicNameInvalid, "MQTT-3.3.2-2", "MQTT-3.3.2-2", "wildcard in the topic name of a PUBLISH")
	faultTopicEmpty = newFault(ProtocolError, "MQTT-4.7.3-1", "MQTT-4.7.3-1", "PUBLISH with neither topic name nor topic alias")

	faultClientID0 = newFault(ProtocolError, "MQTT-2.2.1-3", "MQTT-2.3.1-1", "packet identifier 0")
	faultServerID0 = newFault(ProtocolError, "MQTT-2.2.1-4", "MQTT-2.3.1-1", "packet identifier 0")
)

// Decode reads a PUBLISH; see the package comment for how long its slices live.
// Topic may be empty in 5.0, if Props has a Topic Alias. The order of properties
// and the payload's content are not looked at.
func (p *Publish) Decode(from Peer, flags byte, body []byte) error {
	p.Props.clear()
	p.Dup, p.QoS, p.Retain = flags&8 != 0, flags>>1&3, flags&1 != 0
	if p.QoS == 3 {
		return faultQoS3.at(from.site()) // [MQTT-3.3.1-4]
	}
	if flags&0b1110 == 0b1000 {
		if from.Version != V31 {
			return faultDupQoS0.at(from.site()) // [MQTT-3.3.1-2]
		}
		p.Dup = false // allowed in 3.1, without a meaning
	}
	if len(body) < 2 {
		return faultNoTopic.at(from.site())
	}
	end := 2 + int(body[0])<<8 + int(body[1])
	if end > len(body) {
		return faultNoTopic.at(from.site()) // [MQTT-3.3.2-1]
	}
	p.Topic = body[2:end:end]
	if !plainName(p.Topic) {
		if why := checkName(p.Topic, faultTopicWild); why != nil { // [MQTT-3.3.2-2] [MQTT-4.7.0-1]
			return why.at(from.site())
		}
	}
	body = body[end:]
	p.ID = 0
	if p.QoS > 0 {
		if len(body) < 2 {
			return faultTruncated.at(from.site())
		}
		p.ID = uint16(body[0])<<8 | uint16(body[1])
		if p.ID == 0 {
			return publishID0(from)
		}
		body = body[2:]
	}
	if from.Version >= V5 {
		if len(body) > 0 && body[0] == 0 {
			body = body[1:] // no properties
		} else {
			sc := inPublishFromClient
			if from.Server {
				sc = inPublishFromServer
			}
			rest, err := p.Props.take(body, sc, site5)
			if err != nil {
				return err
			}
			body = rest
		}
	}
	p.Payload = body
	if len(p.Topic) == 0 && p.Props.has>>PropTopicAlias&1 == 0 {
		return faultTopicEmpty.at(from.site()) // [MQTT-4.7.3-1]
	}
	return nil
}

func publishID0(from Peer) error {
	if from.Server {
		return faultServerID0.at(from.site()) // [MQTT-2.2.1-4]
	}
	return faultClientID0.at(from.site()) // [MQTT-2.2.1-3] [MQTT-2.3.1-1 of 3.1.1]
}

// flags returns the lower half of the first byte. DUP is never set at QoS 0. [MQTT-3.3.1-2]
func (p *Publish) flags() byte {
	f := p.QoS << 1
	if p.Dup && p.QoS > 0 {
		f |= 8
	}
	if p.Retain {
		f |= 1
	}
	return f
}

// layout returns which properties are written, their size, and the Remaining Length.
func (p *Publish) layout(v Version) (set uint64, props, remaining int) {
	remaining = stringSize(p.Topic) + len(p.Payload)
	if p.QoS > 0 {
		remaining += 2
	}
	if v >= V5 {
		if set = p.Props.in(inPublishFromServer); set != 0 {
			props = p.Props.size(set)
		}
		remaining += VarintSize(props) + props
	}
	return set, props, remaining
}

// Size returns the bytes that AppendTo appends. A packet of more than
// MaxRemaining behind its header cannot be written, which the caller checks.
func (p *Publish) Size(v Version) int {
	_, _, remaining := p.layout(v)
	return packetSize(remaining)
}

// AppendTo appends the packet in the form of that version; properties exist in 5.0 only.
func (p *Publish) AppendTo(dst []byte, v Version) []byte {
	set, props, remaining := p.layout(v)
	dst = appendHeader(dst, PUBLISH, p.flags(), remaining)
	dst = AppendString(dst, p.Topic)
	if p.QoS > 0 { // [MQTT-2.2.1-2] [MQTT-2.3.1-5 of 3.1.1]
		dst = appendUint16(dst, p.ID)
	}
	if v >= V5 {
		dst = p.Props.appendBlock(dst, set, props)
	}
	return append(dst, p.Payload...)
}
