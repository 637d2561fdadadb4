package mqtt

import "math/bits"

// PropID identifies a property.
type PropID uint8

// The properties of MQTT 5.0.
const (
	PropPayloadFormat           PropID = 0x01
	PropMessageExpiry           PropID = 0x02
	PropContentType             PropID = 0x03
	PropResponseTopic           PropID = 0x08
	PropCorrelationData         PropID = 0x09
	PropSubscriptionID          PropID = 0x0B
	PropSessionExpiry           PropID = 0x11
	PropAssignedClientID        PropID = 0x12
	PropServerKeepAlive         PropID = 0x13
	PropAuthMethod              PropID = 0x15
	PropAuthData                PropID = 0x16
	PropRequestProblem          PropID = 0x17
	PropWillDelay               PropID = 0x18
	PropRequestResponse         PropID = 0x19
	PropResponseInfo            PropID = 0x1A
	PropServerReference         PropID = 0x1C
	PropReasonString            PropID = 0x1F
	PropReceiveMaximum          PropID = 0x21
	PropTopicAliasMaximum       PropID = 0x22
	PropTopicAlias              PropID = 0x23
	PropMaximumQoS              PropID = 0x24
	PropRetainAvailable         PropID = 0x25
	PropUser                    PropID = 0x26
	PropMaximumPacketSize       PropID = 0x27
	PropWildcardAvailable       PropID = 0x28
	PropSubscriptionIDAvailable PropID = 0x29
	PropSharedAvailable         PropID = 0x2A

	propLimit = 0x2B
)

// UserProperty is a name and a value, both UTF-8; names may occur repeatedly.
type UserProperty struct{ Name, Value []byte }

// Properties is the property block of one packet. A field counts only if Has
// says so, and is written only after Set; the two that may occur repeatedly are
// present when they are not empty. Intervals are in seconds.
type Properties struct {
	has uint64 // a bit per identifier

	MessageExpiry     uint32
	SessionExpiry     uint32
	WillDelay         uint32
	MaximumPacketSize uint32

	ServerKeepAlive   uint16
	ReceiveMaximum    uint16
	TopicAliasMaximum uint16
	TopicAlias        uint16

	PayloadFormat           byte
	RequestProblem          byte
	RequestResponse         byte
	MaximumQoS              byte
	RetainAvailable         byte
	WildcardAvailable       byte
	SubscriptionIDAvailable byte
	SharedAvailable         byte

	ContentType      []byte
	ResponseTopic    []byte
	CorrelationData  []byte
	AssignedClientID []byte
	AuthMethod       []byte
	AuthData         []byte
	ResponseInfo     []byte
	ServerReference  []byte
	ReasonString     []byte

	SubscriptionIDs []uint32
	User            []UserProperty
}

const (
	userBit = 1 << PropUser
	subsBit = 1 << PropSubscriptionID
)

// present returns a bit per property that is there.
func (p *Properties) present() uint64 {
	set := p.has &^ (userBit | subsBit)
	if len(p.User) > 0 {
		set |= userBit
	}
	if len(p.SubscriptionIDs) > 0 {
		set |= subsBit
	}
	return set
}

// Has reports whether the property is there.
func (p *Properties) Has(id PropID) bool { return p.present()>>id&1 != 0 }

// Set marks a property as there; the caller sets its field.
func (p *Properties) Set(id PropID) { p.has |= 1 << id }

// Unset takes a property out again.
func (p *Properties) Unset(id PropID) {
	switch id {
	case PropUser:
		clear(p.User)
		p.User = p.User[:0]
	case PropSubscriptionID:
		p.SubscriptionIDs = p.SubscriptionIDs[:0]
	}
	p.has &^= 1 << id
}

// keptEntries bounds the capacity that a reused value carries along, lest one
// hostile packet grew every packet value of a loop for good.
const keptEntries = 64

// Reset takes everything out and keeps the capacity of the slices, up to a bound.
func (p *Properties) Reset() {
	user, subs := p.User, p.SubscriptionIDs
	clear(user) // what they point to is not ours to keep alive
	if cap(user) > keptEntries {
		user = nil
	}
	if cap(subs) > keptEntries {
		subs = nil
	}
	*p = Properties{User: user[:0], SubscriptionIDs: subs[:0]}
}

// clear is Reset for a value that is decoded into: it takes out what is marked
// as there, which for PUBLISH is mostly nothing and then costs nothing.
func (p *Properties) clear() {
	if p.has|uint64(len(p.User))|uint64(len(p.SubscriptionIDs)) != 0 {
		p.wipe()
	}
}

func (p *Properties) wipe() {
	if len(p.User)|len(p.SubscriptionIDs) != 0 || bits.OnesCount64(p.has) > 4 {
		p.Reset()
		return
	}
	for p.has != 0 {
		id := next(&p.has)
		switch kinds[id] {
		case kindFlag:
			*p.flag(id) = 0
		case kindUint16:
			*p.uint16(id) = 0
		case kindUint32:
			*p.uint32(id) = 0
		case kindText, kindBinary:
			*p.bytes(id) = nil
		}
	}
}

// scope is a packet, with its direction where that matters: which properties may stand here.
type scope uint8

const (
	inConnect scope = iota
	inWill
	inConnack
	inPublishFromClient
	inPublishFromServer
	inAck // PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK
	inSubscribe
	inUnsubscribe
	inDisconnectFromClient
	inDisconnectFromServer
	inAuth
	scopes
)

var allowed = [scopes]uint64{
	inConnect: props(PropSessionExpiry, PropAuthMethod, PropAuthData, PropRequestProblem, PropRequestResponse,
		PropReceiveMaximum, PropTopicAliasMaximum, PropUser, PropMaximumPacketSize),
	inWill: props(PropPayloadFormat, PropMessageExpiry, PropContentType, PropResponseTopic, PropCorrelationData,
		PropWillDelay, PropUser),
	inConnack: props(PropSessionExpiry, PropAssignedClientID, PropServerKeepAlive, PropAuthMethod, PropAuthData,
		PropResponseInfo, PropServerReference, PropReasonString, PropReceiveMaximum, PropTopicAliasMaximum,
		PropMaximumQoS, PropRetainAvailable, PropUser, PropMaximumPacketSize, PropWildcardAvailable,
		PropSubscriptionIDAvailable, PropSharedAvailable),
	inPublishFromClient: props(PropPayloadFormat, PropMessageExpiry, PropContentType, PropResponseTopic,
		PropCorrelationData, PropTopicAlias, PropUser),
	inPublishFromServer: props(PropPayloadFormat, PropMessageExpiry, PropContentType, PropResponseTopic,
		PropCorrelationData, PropSubscriptionID, PropTopicAlias, PropUser),
	inAck:                  props(PropReasonString, PropUser),
	inSubscribe:            props(PropSubscriptionID, PropUser),
	inUnsubscribe:          props(PropUser),
	inDisconnectFromClient: props(PropSessionExpiry, PropReasonString, PropUser),
	inDisconnectFromServer: props(PropServerReference, PropReasonString, PropUser),
	inAuth:                 props(PropAuthMethod, PropAuthData, PropReasonString, PropUser),
}

func props(list ...PropID) (set uint64) {
	for _, id := range list {
		set |= 1 << id
	}
	return set
}
