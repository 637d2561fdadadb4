package mqtt

// Error is why a packet was refused.
type Error struct {
	Reason Reason // what the peer is told, where its version and the moment allow telling
	Rule   string // the numbered statement that was broken, such as "MQTT-3.3.1-4"
	Detail string // what was found, for people
}

// Error returns the reason's name, the rule and what was found.
func (e *Error) Error() string {
	return e.Reason.String() + " [" + e.Rule + "]: " + e.Detail
}

// Unwrap returns the Reason, so that errors.Is(err, mqtt.MalformedPacket) holds.
func (e *Error) Unwrap() error { return e.Reason }

// site is where a fault was found. The same fault breaks differently numbered
// statements in 3.x and 5.0, and one without a statement of its own falls under
// the general one, which CONNECT has for itself.
type site uint8

const (
	site3 site = iota
	site5
	siteConnect3
	siteConnect5
)

// fault is one way of being wrong, as an Error per site. Faults are package
// variables: refusing a packet allocates nothing. Nobody may change them.
type fault [4]Error

func (f *fault) at(s site) error { return &f[s&3] }

// newFault makes a fault; an empty rule stands for the general statement:
// [MQTT-4.13.1-1], in 3.1.1 [MQTT-4.8.0-1], in CONNECT [MQTT-3.1.4-1].
func newFault(r Reason, rule5, rule3, detail string) *fault {
	const connect = "MQTT-3.1.4-1"
	c5, c3 := rule5, rule3
	if rule5 == "" {
		rule5, c5 = "MQTT-4.13.1-1", connect
	}
	if rule3 == "" {
		rule3, c3 = "MQTT-4.8.0-1", connect
	}
	return &fault{
		site3:        {r, rule3, detail},
		site5:        {r, rule5, detail},
		siteConnect3: {r, c3, detail},
		siteConnect5: {r, c5, detail},
	}
}

// Faults that more than one packet can have. Those of one packet stand in its file.
var (
	faultTruncated   = newFault(MalformedPacket, "", "", "a field runs past the end of the packet")
	faultTrailing    = newFault(MalformedPacket, "", "", "bytes are left over after the last field")
	faultFlags       = newFault(MalformedPacket, "MQTT-2.1.3-1", "MQTT-2.2.2-2", "reserved flag bits of the fixed header are wrong")
	faultDirection   = newFault(ProtocolError, "", "", "this side never sends such a packet")
	faultNotUTF8     = newFault(MalformedPacket, "MQTT-1.5.4-1", "MQTT-1.5.3-1", "a string is not well-formed UTF-8")
	faultNUL         = newFault(MalformedPacket, "MQTT-1.5.4-2", "MQTT-1.5.3-2", "a string holds U+0000")
	faultPairNotUTF8 = newFault(MalformedPacket, "MQTT-1.5.7-1", "MQTT-1.5.3-1", "a string pair is not well-formed UTF-8")
	faultVarint      = newFault(MalformedPacket, "MQTT-1.5.5-1", "", "a variable byte integer is longer than it needs to be, or than four bytes")
)
