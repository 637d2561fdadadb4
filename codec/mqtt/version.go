package mqtt

import "strconv"

// Version is a protocol version, valued as the protocol level in CONNECT.
type Version uint8

// The protocol versions of this package.
const (
	V31  Version = 3 // "MQIsdp", level 3
	V311 Version = 4 // "MQTT", level 4
	V5   Version = 5 // "MQTT", level 5
)

// String returns the version as people write it: "3.1", "3.1.1", "5.0".
func (v Version) String() string {
	switch v {
	case V31:
		return "3.1"
	case V311:
		return "3.1.1"
	case V5:
		return "5.0"
	}
	return "version " + strconv.Itoa(int(v))
}

// Peer is who sent a packet. Its version decides how strictly the packet is
// read, its side which properties and reason codes are legal in it.
type Peer struct {
	Version Version
	Server  bool
}

// site is where the broken rule is looked up: see fault.
func (p Peer) site() site {
	if p.Version >= V5 {
		return site5
	}
	return site3
}

// Type is a control packet type, the upper half of a packet's first byte.
type Type uint8

// The control packet types. Zero is reserved and never sent.
const (
	CONNECT     Type = 1
	CONNACK     Type = 2
	PUBLISH     Type = 3
	PUBACK      Type = 4
	PUBREC      Type = 5
	PUBREL      Type = 6
	PUBCOMP     Type = 7
	SUBSCRIBE   Type = 8
	SUBACK      Type = 9
	UNSUBSCRIBE Type = 10
	UNSUBACK    Type = 11
	PINGREQ     Type = 12
	PINGRESP    Type = 13
	DISCONNECT  Type = 14
	AUTH        Type = 15
)

var typeNames = [16]string{
	"RESERVED", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP",
	"SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH",
}

// String returns the type's name in the specification.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "TYPE " + strconv.Itoa(int(t))
}

// sentBy holds a bit per type for each kind of sender: client and server, 3.x and 5.0.
var sentBy = struct{ client3, server3, client5, server5 uint16 }{
	client3: types(CONNECT, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT),
	server3: types(CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, PINGRESP),
	client5: types(CONNECT, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT, AUTH),
	server5: types(CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, PINGRESP, DISCONNECT, AUTH),
}

func types(list ...Type) (set uint16) {
	for _, t := range list {
		set |= 1 << t
	}
	return set
}

// LegalFrom reports whether such a peer may send packets of this type at all.
func (t Type) LegalFrom(p Peer) bool {
	set := sentBy.client3
	switch {
	case p.Version >= V5 && p.Server:
		set = sentBy.server5
	case p.Version >= V5:
		set = sentBy.client5
	case p.Server:
		set = sentBy.server3
	}
	return set>>(t&31)&1 != 0
}
