package mqtt

import "math/bits"

// kind is how a property is written.
type kind uint8

const (
	kindNone   kind = iota
	kindFlag        // one byte, 0 or 1; there is no other one-byte property
	kindUint16      // big-endian, as all numbers
	kindUint32
	kindVarint // Subscription Identifier, repeated in a server's PUBLISH
	kindText   // UTF-8 string
	kindBinary // bytes
	kindPair   // User Property, repeated
)

var kinds = [propLimit]kind{
	PropPayloadFormat: kindFlag, PropRequestProblem: kindFlag, PropRequestResponse: kindFlag,
	PropMaximumQoS: kindFlag, PropRetainAvailable: kindFlag, PropWildcardAvailable: kindFlag,
	PropSubscriptionIDAvailable: kindFlag, PropSharedAvailable: kindFlag,

	PropServerKeepAlive: kindUint16, PropReceiveMaximum: kindUint16,
	PropTopicAliasMaximum: kindUint16, PropTopicAlias: kindUint16,

	PropMessageExpiry: kindUint32, PropSessionExpiry: kindUint32,
	PropWillDelay: kindUint32, PropMaximumPacketSize: kindUint32,

	PropContentType: kindText, PropResponseTopic: kindText, PropAssignedClientID: kindText,
	PropAuthMethod: kindText, PropResponseInfo: kindText, PropServerReference: kindText, PropReasonString: kindText,

	PropCorrelationData: kindBinary, PropAuthData: kindBinary,

	PropSubscriptionID: kindVarint, PropUser: kindPair,
}

// next takes the lowest property out of a set.
func next(set *uint64) PropID {
	id := PropID(bits.TrailingZeros64(*set))
	*set &= *set - 1
	return id
}

func (p *Properties) flag(id PropID) *byte {
	switch id {
	case PropPayloadFormat:
		return &p.PayloadFormat
	case PropRequestProblem:
		return &p.RequestProblem
	case PropRequestResponse:
		return &p.RequestResponse
	case PropMaximumQoS:
		return &p.MaximumQoS
	case PropRetainAvailable:
		return &p.RetainAvailable
	case PropWildcardAvailable:
		return &p.WildcardAvailable
	case PropSubscriptionIDAvailable:
		return &p.SubscriptionIDAvailable
	}
	return &p.SharedAvailable
}

func (p *Properties) uint16(id PropID) *uint16 {
	switch id {
	case PropServerKeepAlive:
		return &p.ServerKeepAlive
	case PropReceiveMaximum:
		return &p.ReceiveMaximum
	case PropTopicAliasMaximum:
		return &p.TopicAliasMaximum
	}
	return &p.TopicAlias
}

func (p *Properties) uint32(id PropID) *uint32 {
	switch id {
	case PropMessageExpiry:
		return &p.MessageExpiry
	case PropSessionExpiry:
		return &p.SessionExpiry
	case PropWillDelay:
		return &p.WillDelay
	}
	return &p.MaximumPacketSize
}

// bytes is the field of a string or of a binary property.
func (p *Properties) bytes(id PropID) *[]byte {
	switch id {
	case PropContentType:
		return &p.ContentType
	case PropResponseTopic:
		return &p.ResponseTopic
	case PropCorrelationData:
		return &p.CorrelationData
	case PropAssignedClientID:
		return &p.AssignedClientID
	case PropAuthMethod:
		return &p.AuthMethod
	case PropAuthData:
		return &p.AuthData
	case PropResponseInfo:
		return &p.ResponseInfo
	case PropServerReference:
		return &p.ServerReference
	}
	return &p.ReasonString
}
