package mqtt

// reasonSet holds a bit per reason code.
type reasonSet [4]uint64

func (s *reasonSet) has(r Reason) bool { return s[r>>6]>>(r&63)&1 != 0 }

func reasons(list ...Reason) (s reasonSet) {
	for _, r := range list {
		s[r>>6] |= 1 << (r & 63)
	}
	return s
}

func (s reasonSet) and(list ...Reason) reasonSet {
	for i, word := range reasons(list...) {
		s[i] |= word
	}
	return s
}

// The codes that each packet may carry, by sender where the sender matters.
var (
	connackReasons = reasons(Success,
		UnspecifiedError, MalformedPacket, ProtocolError, ImplementationSpecificError, UnsupportedProtocolVersion,
		ClientIdentifierNotValid, BadUserNameOrPassword, NotAuthorized, ServerUnavailable, ServerBusy, Banned,
		BadAuthenticationMethod, TopicNameInvalid, PacketTooLarge, QuotaExceeded, PayloadFormatInvalid,
		RetainNotSupported, QoSNotSupported, UseAnotherServer, ServerMoved, ConnectionRateExceeded)

	// PUBACK, PUBREC. Only servers have reason to say that nobody subscribes; from a client it is taken as success.
	receivedReasons = reasons(Success, NoMatchingSubscribers,
		UnspecifiedError, ImplementationSpecificError, NotAuthorized, TopicNameInvalid,
		PacketIdentifierInUse, QuotaExceeded, PayloadFormatInvalid)

	releasedReasons = reasons(Success, PacketIdentifierNotFound) // PUBREL, PUBCOMP

	subackReasons = reasons(GrantedQoS0, GrantedQoS1, GrantedQoS2,
		UnspecifiedError, ImplementationSpecificError, NotAuthorized, TopicFilterInvalid, PacketIdentifierInUse,
		QuotaExceeded, SharedSubscriptionsNotSupported, SubscriptionIdentifiersNotSupported, WildcardSubscriptionsNotSupported)
	subackReasonsV3 = reasons(GrantedQoS0, GrantedQoS1, GrantedQoS2, UnspecifiedError)

	unsubackReasons = reasons(Success, NoSubscriptionExisted,
		UnspecifiedError, ImplementationSpecificError, NotAuthorized, TopicFilterInvalid, PacketIdentifierInUse)

	disconnectBoth = reasons(NormalDisconnection,
		UnspecifiedError, MalformedPacket, ProtocolError, ImplementationSpecificError, TopicNameInvalid,
		ReceiveMaximumExceeded, TopicAliasInvalid, PacketTooLarge, MessageRateTooHigh, QuotaExceeded,
		AdministrativeAction, PayloadFormatInvalid)
	disconnectFromClient = disconnectBoth.and(DisconnectWithWillMessage)
	disconnectFromServer = disconnectBoth.and(
		NotAuthorized, ServerBusy, ServerShuttingDown, KeepAliveTimeout, SessionTakenOver, TopicFilterInvalid,
		RetainNotSupported, QoSNotSupported, UseAnotherServer, ServerMoved, SharedSubscriptionsNotSupported,
		ConnectionRateExceeded, MaximumConnectTime, SubscriptionIdentifiersNotSupported, WildcardSubscriptionsNotSupported)

	authFromClient = reasons(ContinueAuthentication, ReAuthenticate)
	authFromServer = reasons(Success, ContinueAuthentication)
)

// legalReasons is indexed by packet type, then by sender (0 client, 1 server).
var legalReasons = [16][2]*reasonSet{
	CONNACK:    {nil, &connackReasons},
	PUBACK:     {&receivedReasons, &receivedReasons},
	PUBREC:     {&receivedReasons, &receivedReasons},
	PUBREL:     {&releasedReasons, &releasedReasons},
	PUBCOMP:    {&releasedReasons, &releasedReasons},
	SUBACK:     {nil, &subackReasons},
	UNSUBACK:   {nil, &unsubackReasons},
	DISCONNECT: {&disconnectFromClient, &disconnectFromServer},
	AUTH:       {&authFromClient, &authFromServer},
}

// LegalIn reports whether a packet of type t, sent by a 5.0 server or client,
// may carry r. Who lets others choose a code (a hook, a plugin) asks before sending it.
func (r Reason) LegalIn(t Type, server bool) bool {
	side := 0
	if server {
		side = 1
	}
	set := legalReasons[t&15][side]
	return set != nil && set.has(r)
}
