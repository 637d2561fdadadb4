package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// Dialer opens the byte stream under a connection, and under its TLS and WebSocket: *net.Dialer fits
// as it is, and so do those of proxies.
type Dialer interface {
	DialContext(ctx context.Context, network, addr string) (net.Conn, error)
}

// Options says where to connect and as whom. Only Addr (or a Dialer that needs none) is required.
// The same value may be used for many connections if Session is nil.
type Options struct {
	// Addr is host:port, handed to Dialer, or a URL: mqtt://host:1883 (also tcp), mqtts://host:8883 (also tls),
	// ws://host:8083/mqtt, wss://host:8084/mqtt?token=x, unix:///path. Without a port it is 1883, 8883, 80 or 443, without
	// a path /mqtt. User and password in the URL count if neither Username nor Password is set.
	Addr    string
	Network string       // of an Addr that is no URL, handed to Dialer; "tcp" when empty
	Dialer  Dialer       // nil: a net.Dialer
	Version mqtt.Version // 0: 5.0

	// TLS configures mqtts, tls and wss; nil: the system's authorities, no client certificate. Unless they are set, its
	// ServerName is the host of Addr and its NextProtos are mqtt, or http/1.1 for wss.
	TLS *tls.Config
	// Header is sent along with the HTTP request of ws and wss.
	Header http.Header

	ClientID   string // empty: the server chooses (3.x: only with CleanStart)
	CleanStart bool   // Clean Session in 3.x
	KeepAlive  uint16 // seconds, 0 turns it off; a Server Keep Alive replaces it
	Username   string // not sent when empty
	Password   []byte // not sent when nil
	Will       *Message

	// Props are the properties of CONNECT (5.0). Receive Maximum, Topic Alias Maximum and Maximum
	// Packet Size are kept to by the client as well; a Maximum Packet Size also bounds what 3.x reads.
	Props mqtt.Properties

	// Session carries unfinished exchanges from one connection to the next. nil: whatever is open
	// ends with the connection.
	Session *Session

	// Auth is the enhanced authentication of 5.0; nil: none.
	Auth Authenticator

	// Handler gets the messages that no subscription of this connection asked for, as they come
	// when a session is resumed. nil: they are acknowledged and dropped.
	Handler Handler

	Inflight     int           // most open QoS 1 and 2 publishes; 0: what the server allows
	TopicAliases int           // most topics the client gives an alias by itself (5.0); 0: none
	ReadAhead    int           // messages read before the handler took them; 0: 16
	PingTimeout  time.Duration // how long a PINGREQ may stay unanswered; 0: 10 s

	// Sent and Received see each packet, on the client's goroutines and with its lock held: they
	// must not call the client. body is valid until they return.
	Sent, Received func(h mqtt.Header, body []byte)
}

const (
	defaultReadAhead   = 16
	defaultPingTimeout = 10 * time.Second
	maxString          = 65535
)

// ErrOptions says that the options do not make a legal CONNECT.
var ErrOptions = errors.New("client: bad options")

func (o *Options) setDefaults() {
	if o.Network == "" {
		o.Network = "tcp"
	}
	if o.Dialer == nil {
		o.Dialer = new(net.Dialer)
	}
	if o.Version == 0 {
		o.Version = mqtt.V5
	}
	if o.ReadAhead <= 0 {
		o.ReadAhead = defaultReadAhead
	}
	if o.PingTimeout <= 0 {
		o.PingTimeout = defaultPingTimeout
	}
}

// validate refuses what no server may be sent.
func (o *Options) validate() error {
	switch {
	case o.Version != mqtt.V31 && o.Version != mqtt.V311 && o.Version != mqtt.V5:
		return badOptions("version %d", o.Version)
	case !validString(o.ClientID): // [MQTT-3.1.3-4]
		return badOptions("client identifier is no valid string")
	case !validString(o.Username): // [MQTT-3.1.3-12] (5.0), [MQTT-3.1.3-11] (3.1.1)
		return badOptions("user name is no valid string")
	case len(o.Password) > maxString:
		return badOptions("password of %d bytes", len(o.Password))
	case o.Version < mqtt.V5 && o.Password != nil && o.Username == "": // 3.1.1 [MQTT-3.1.2-22]
		return badOptions("password without user name")
	case o.Version == mqtt.V311 && o.ClientID == "" && !o.CleanStart: // 3.1.1 [MQTT-3.1.3-7]
		return badOptions("an empty client identifier needs CleanStart")
	case o.Version == mqtt.V31 && o.ClientID == "":
		return badOptions("3.1 needs a client identifier")
	case o.Auth != nil && o.Version < mqtt.V5:
		return badOptions("enhanced authentication needs 5.0")
	}
	if w := o.Will; w != nil {
		switch {
		case w.QoS > 2: // [MQTT-3.1.2-12]
			return badOptions("will QoS %d", w.QoS)
		case CheckTopic(w.Topic) != nil: // [MQTT-3.1.3-11]
			return badOptions("will topic %q", w.Topic)
		case len(w.Payload) > maxString:
			return badOptions("will payload of %d bytes", len(w.Payload))
		}
		if err := checkProps(&w.Props); err != nil {
			return fmt.Errorf("%w: will: %w", ErrOptions, err)
		}
	}
	return nil
}

// connect builds the CONNECT. Which flags are set follows from which fields are there, so flags and
// payload cannot disagree. [MQTT-3.1.2-9] [MQTT-3.1.2-11] [MQTT-3.1.2-16] [MQTT-3.1.2-18]
func (o *Options) connect() *mqtt.Connect {
	p := &mqtt.Connect{
		Version:     o.Version,
		CleanStart:  o.CleanStart,
		KeepAlive:   o.KeepAlive,
		ClientID:    []byte(o.ClientID),
		HasUsername: o.Username != "",
		Username:    []byte(o.Username),
		HasPassword: o.Password != nil,
		Password:    o.Password,
	}
	if o.Version == mqtt.V5 {
		p.Props = o.Props
	}
	if w := o.Will; w != nil {
		p.HasWill = true
		p.Will = mqtt.Will{Topic: []byte(w.Topic), Payload: w.Payload, QoS: w.QoS, Retain: w.Retain}
		if o.Version == mqtt.V5 {
			p.Will.Props = w.Props
		}
	}
	return p
}

// limit is the largest packet the client takes, 0 for none.
func (o *Options) limit() int {
	if o.Props.Has(mqtt.PropMaximumPacketSize) {
		return int(o.Props.MaximumPacketSize)
	}
	return 0
}

// expiry is the Session Expiry Interval the CONNECT asks for, in 5.0's terms. [MQTT-3.1.2-23]
func (o *Options) expiry() uint32 {
	switch {
	case o.Version < mqtt.V5 && o.CleanStart:
		return 0
	case o.Version < mqtt.V5:
		return ^uint32(0)
	case o.Props.Has(mqtt.PropSessionExpiry):
		return o.Props.SessionExpiry
	}
	return 0
}

func badOptions(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrOptions, fmt.Sprintf(format, a...))
}

// validString tells whether s may stand in a string field. [MQTT-1.5.4-1] [MQTT-1.5.4-2]
func validString(s string) bool {
	if len(s) > maxString || !utf8.ValidString(s) {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] == 0 {
			return false
		}
	}
	return true
}
