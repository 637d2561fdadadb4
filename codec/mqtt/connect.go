package mqtt

// Connect is the CONNECT packet. CleanStart is called Clean Session in 3.x.
type Connect struct {
	Version    Version
	CleanStart bool
	KeepAlive  uint16 // seconds, 0 = off
	ClientID   []byte
	Props      Properties

	HasWill bool
	Will    Will

	HasUsername, HasPassword bool
	Username, Password       []byte
}

// Will is the message that a server publishes for a client that is gone.
type Will struct {
	Topic, Payload []byte
	QoS            byte
	Retain         bool
	Props          Properties
}

// The bits of the connect flags.
const (
	connectReserved = 1 << 0
	connectClean    = 1 << 1
	connectWill     = 1 << 2
	connectWillQoS  = 3 << 3
	connectRetain   = 1 << 5
	connectPassword = 1 << 6
	connectUsername = 1 << 7
)

var (
	nameMQTT   = []byte("MQTT")
	nameMQIsdp = []byte("MQIsdp")
)

var (
	faultProtocolName  = newFault(UnsupportedProtocolVersion, "MQTT-3.1.2-1", "MQTT-3.1.2-1", "unknown protocol name")
	faultProtocolLevel = newFault(UnsupportedProtocolVersion, "MQTT-3.1.2-2", "MQTT-3.1.2-2", "unknown protocol level")
	faultConnectBit0   = newFault(MalformedPacket, "MQTT-3.1.2-3", "MQTT-3.1.2-3", "reserved connect flag")
	faultNoWillQoS     = newFault(MalformedPacket, "MQTT-3.1.2-11", "MQTT-3.1.2-13", "Will QoS without Will Flag")
	faultNoWillRetain  = newFault(MalformedPacket, "MQTT-3.1.2-13", "MQTT-3.1.2-15", "Will Retain without Will Flag")
	faultWillQoS3      = newFault(MalformedPacket, "MQTT-3.1.2-12", "MQTT-3.1.2-14", "Will QoS 3")
	faultPasswordOnly  = newFault(MalformedPacket, "", "MQTT-3.1.2-22", "password without user name")
	faultNoClientID    = newFault(MalformedPacket, "MQTT-3.1.3-3", "MQTT-3.1.3-3", "no client identifier")
	faultNoWill        = newFault(MalformedPacket, "MQTT-3.1.2-9", "MQTT-3.1.2-9", "Will Flag without a will")
	faultNoUsername    = newFault(MalformedPacket, "MQTT-3.1.2-17", "MQTT-3.1.2-19", "User Name Flag without a user name")
	faultNoPassword    = newFault(MalformedPacket, "MQTT-3.1.2-19", "MQTT-3.1.2-21", "Password Flag without a password")
	faultWillWild      = newFault(TopicNameInvalid, "MQTT-4.7.0-1", "MQTT-4.7.1-1", "wildcard in the will topic")
	faultWillEmpty     = newFault(TopicNameInvalid, "MQTT-4.7.3-1", "MQTT-4.7.3-1", "empty will topic")
	faultNoAuthMethod  = newFault(ProtocolError, "", "", "Authentication Data without Authentication Method")
)

// Decode reads a CONNECT. On an error c.Version still tells in which form a
// CONNACK would be understood, and is 0 where none would be: before the level
// was read, and behind an unknown protocol name. Which client identifiers are
// accepted, the empty one among them, is for the server to say.
func (c *Connect) Decode(flags byte, body []byte) error {
	c.reset()
	f := fields{b: body, site: siteConnect3}
	if err := c.decodeProtocol(&f); err != nil {
		return err
	}
	if flags != 0 && c.Version != V31 {
		return faultFlags.at(f.site) // [MQTT-2.1.3-1] [MQTT-2.2.2-2 of 3.1.1]
	}
	bits := f.byte(faultTruncated)
	c.KeepAlive = f.uint16(faultTruncated)
	if f.err == nil {
		if why := checkConnectFlags(c.Version, bits); why != nil {
			f.fail(why)
		}
	}
	c.CleanStart = bits&connectClean != 0
	f.properties(&c.Props, inConnect)
	if c.Props.Has(PropAuthData) && !c.Props.Has(PropAuthMethod) {
		f.fail(faultNoAuthMethod)
	}
	// The order of the payload. [MQTT-3.1.3-1]
	c.ClientID = f.text(faultNoClientID) // [MQTT-3.1.3-3] [MQTT-3.1.3-4]
	if bits&connectWill != 0 {
		c.HasWill = true
		c.Will.decode(&f, bits)
	}
	c.decodeLogin(&f, bits)
	return f.end() // [MQTT-3.1.2-16] [MQTT-3.1.2-18]
}

func (c *Connect) reset() {
	props, will := c.Props, c.Will.Props
	props.clear()
	will.clear()
	*c = Connect{Props: props, Will: Will{Props: will}}
}

// decodeProtocol reads name and level, which say how all the rest is read.
func (c *Connect) decodeProtocol(f *fields) error {
	name := f.binary(faultTruncated)
	if f.err != nil {
		return f.err
	}
	v31 := string(name) == string(nameMQIsdp)
	if !v31 && string(name) != string(nameMQTT) {
		return faultProtocolName.at(f.site) // [MQTT-3.1.2-1]
	}
	level := f.byte(faultTruncated)
	if f.err != nil {
		return f.err
	}
	switch {
	case v31 && level == 3:
		c.Version = V31
		f.loose = true
	case !v31 && level == 4:
		c.Version = V311
	case !v31 && level == 5:
		c.Version = V5
		f.site = siteConnect5
	default:
		return c.refuseLevel(level)
	}
	return nil
}

// refuseLevel picks the form of the refusal by the level. Some bridges announce
// themselves by its uppermost bit; they read the answer of the level below it.
func (c *Connect) refuseLevel(level byte) error {
	if level&0x7F < 5 {
		c.Version = V311
		return faultProtocolLevel.at(siteConnect3) // [MQTT-3.1.2-2 of 3.1.1]
	}
	c.Version = V5
	return faultProtocolLevel.at(siteConnect5) // [MQTT-3.1.2-2]
}

func checkConnectFlags(v Version, bits byte) *fault {
	if bits&connectWillQoS == connectWillQoS && (bits&connectWill != 0 || v != V31) {
		return faultWillQoS3 // [MQTT-3.1.2-12] [MQTT-3.1.2-14 of 3.1.1]
	}
	if bits&connectPassword != 0 && bits&connectUsername == 0 && v != V5 {
		return faultPasswordOnly // [MQTT-3.1.2-22 of 3.1.1]
	}
	if v == V31 {
		return nil // what is reserved or has no meaning is ignored
	}
	switch {
	case bits&connectReserved != 0:
		return faultConnectBit0 // [MQTT-3.1.2-3]
	case bits&connectWill != 0:
		return nil
	case bits&connectWillQoS != 0:
		return faultNoWillQoS // [MQTT-3.1.2-11] [MQTT-3.1.2-13 of 3.1.1]
	case bits&connectRetain != 0:
		return faultNoWillRetain // [MQTT-3.1.2-13] [MQTT-3.1.2-15 of 3.1.1]
	}
	return nil
}

func (w *Will) decode(f *fields, bits byte) {
	w.QoS = bits & connectWillQoS >> 3
	w.Retain = bits&connectRetain != 0
	if f.err == nil && len(f.b) == 0 {
		f.fail(faultNoWill) // [MQTT-3.1.2-9]
	}
	f.properties(&w.Props, inWill)
	w.Topic = f.binary(faultNoWill)
	if f.err == nil {
		if len(w.Topic) == 0 {
			f.fail(faultWillEmpty) // [MQTT-4.7.3-1]
		} else if why := checkName(w.Topic, faultWillWild); why != nil {
			f.fail(why) // [MQTT-3.1.3-11] [MQTT-4.7.0-1]
		}
	}
	w.Payload = f.binary(faultNoWill)
}

// decodeLogin reads user name and password. In 3.1 the flags may promise more
// than the packet holds.
func (c *Connect) decodeLogin(f *fields, bits byte) {
	missing := func() bool { return c.Version == V31 && f.err == nil && len(f.b) == 0 }
	if bits&connectUsername != 0 && !missing() {
		c.HasUsername = true
		c.Username = f.text(faultNoUsername) // [MQTT-3.1.2-17] [MQTT-3.1.3-12]
	}
	if bits&connectPassword != 0 && !missing() {
		c.HasPassword = true
		c.Password = f.binary(faultNoPassword) // [MQTT-3.1.2-19]
	}
}
