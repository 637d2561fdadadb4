package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/alecthomas/kong"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// clientFlags are the options that pub and sub share. Names and meanings are those of mosquitto's clients; where
// MQTT.js has another long name, it is an alias.
type clientFlags struct {
	Host       text        `short:"h" default:"localhost" aliases:"hostname" placeholder:"HOST" help:"Connect to this host; localhost if not given."`
	Port       *int        `short:"p" placeholder:"PORT" help:"Connect to this port; if not given 1883, with TLS 8883, with --ws 8083 or 8084. 8883 means TLS."`
	Unix       text        `placeholder:"PATH" help:"Connect to a Unix domain socket instead."`
	URL        text        `name:"url" short:"L" placeholder:"URL" help:"mqtt://[user[:password]@]host[:port]/topic, all in one, or mqtts:// for TLS; or ws:// and wss:// with the path of the WebSocket in place of the topic."`
	ID         text        `name:"id" short:"i" aliases:"client-id" placeholder:"ID" help:"Client identifier; if not given, the server chooses one (3.1: random)."`
	IDPrefix   text        `name:"id-prefix" short:"I" placeholder:"PREFIX" help:"Client identifier made of this and the process id."`
	Persistent bool        `name:"disable-clean-session" short:"c" help:"Keep the session: Clean Session or Clean Start off, and without -x no expiry."`
	KeepAlive  uint16      `name:"keepalive" short:"k" default:"60" placeholder:"SECONDS" help:"Keep alive, 5 to 65535; 60 if not given."`
	Username   text        `short:"u" placeholder:"NAME" help:"User name."`
	Password   *text       `name:"pw" short:"P" aliases:"password" placeholder:"PASSWORD" help:"Password."`
	Version    text        `name:"protocol-version" short:"V" default:"311" placeholder:"VERSION" help:"31, 311 (the default) or 5; also mqttv31, mqttv311, mqttv5."`
	QoS        byte        `name:"qos" short:"q" default:"0" placeholder:"QOS" help:"Quality of service: 0 (the default), 1 or 2."`
	Expiry     *expiryFlag `name:"session-expiry" short:"x" placeholder:"SECONDS" help:"Session Expiry Interval (5.0); -1 or ∞: never."`
	Inflight   int         `name:"max-inflight" short:"M" default:"20" placeholder:"N" help:"Most QoS 1 and 2 messages sent and not acknowledged; 20 if not given."`
	Property   arguments   `name:"property" short:"D" placeholder:"COMMAND NAME [KEY] VALUE" help:"Set a property of CONNECT, PUBLISH, WILL, SUBSCRIBE, UNSUBSCRIBE or DISCONNECT and use 5.0; user-property takes a key and a value. Repeatable."`

	WillTopic   text  `placeholder:"TOPIC" help:"Topic of the will."`
	WillPayload *text `aliases:"will-message" placeholder:"MESSAGE" help:"Payload of the will."`
	WillQoS     byte  `name:"will-qos" placeholder:"QOS" help:"QoS of the will."`
	WillRetain  bool  `help:"Make the will a retained message."`

	tlsFlags       `embed:"" group:"TLS (each of these turns it on):"`
	webSocketFlags `embed:"" group:"WebSocket:"`

	Debug bool `short:"d" help:"Tell about each packet."`
	Quiet bool `help:"Say nothing about what goes wrong at runtime."`

	url        urlFlag      // -L, set by options
	version    mqtt.Version // -V, set by options
	properties properties   // -D, set by options
}

// text is an argument taken as it stands, also when it begins with a dash, as mosquitto's clients take it.
type text string

// Decode implements kong.MapperValue.
func (t *text) Decode(ctx *kong.DecodeContext) error {
	s, err := popArgument(ctx)
	*t = text(s)
	return err
}

// texts is an option that may be repeated.
type texts []string

// Decode implements kong.MapperValue.
func (t *texts) Decode(ctx *kong.DecodeContext) error {
	s, err := popArgument(ctx)
	*t = append(*t, s)
	return err
}

func popArgument(ctx *kong.DecodeContext) (string, error) {
	token := ctx.Scan.Pop()
	if token.IsEOL() {
		return "", errors.New("an argument is missing")
	}
	return fmt.Sprint(token.Value), nil
}

// versions are the values of -V.
var versions = map[string]mqtt.Version{
	"31": mqtt.V31, "311": mqtt.V311, "5": mqtt.V5, "mqttv31": mqtt.V31, "mqttv311": mqtt.V311, "mqttv5": mqtt.V5,
}

// expiryFlag is -x.
type expiryFlag uint32

const neverExpires = ^uint32(0)

// Decode implements kong.MapperValue; -1 is a value here, not a flag.
func (x *expiryFlag) Decode(ctx *kong.DecodeContext) error {
	s, err := popArgument(ctx)
	if err != nil {
		return err
	}
	if s == "-1" || s == "∞" {
		*x = expiryFlag(neverExpires)
		return nil
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return fmt.Errorf("%q is no number of seconds", s)
	}
	*x = expiryFlag(n)
	return nil
}

// connectWithin bounds a connection attempt, CONNACK included.
const connectWithin = 30 * time.Second

// options checks the flags and turns them into what the client wants. urlTopic is the topic of -L, if any.
func (f *clientFlags) options() (o client.Options, urlTopic string, err error) {
	if urlTopic, err = f.takeURL(); err != nil {
		return o, "", err
	}
	if err := f.check(); err != nil {
		return o, "", err
	}
	f.version = versions[string(f.Version)]
	if f.properties, err = f.Property.properties(); err != nil {
		return o, "", usage("-D: %v", err)
	}
	if len(f.properties) > 0 { // as in mosquitto, -D means 5.0
		f.version = mqtt.V5
	}
	o = client.Options{
		Version:    f.version,
		ClientID:   string(f.ID),
		CleanStart: !f.Persistent,
		KeepAlive:  f.KeepAlive,
		Username:   string(f.Username),
		Props:      f.properties.of(mqtt.CONNECT),
		Inflight:   f.Inflight,
	}
	if err := f.address(&o); err != nil {
		return o, "", err
	}
	if f.Password != nil {
		o.Password = []byte(*f.Password)
	}
	if f.IDPrefix != "" {
		o.ClientID = string(f.IDPrefix) + strconv.Itoa(os.Getpid())
	}
	if o.ClientID == "" && o.Version == mqtt.V31 {
		o.ClientID = "penstock-" + rand.Text()[:12] // 3.1 knows no empty one, and at most 23 characters
	}
	if f.WillTopic != "" {
		o.Will = &client.Message{Topic: string(f.WillTopic), QoS: f.WillQoS, Retain: f.WillRetain, Props: f.properties.of(willProperties)}
		if f.WillPayload != nil {
			o.Will.Payload = []byte(*f.WillPayload)
		}
	}
	return o, urlTopic, f.keep(&o)
}

// keep settles how long the session lasts.
func (f *clientFlags) keep(o *client.Options) error {
	expiry := uint32(0)
	if f.Persistent {
		expiry = neverExpires
	}
	if f.Expiry != nil {
		expiry = uint32(*f.Expiry)
	}
	if expiry > 0 {
		o.Props.SessionExpiry = expiry
		o.Props.Set(mqtt.PropSessionExpiry)
	}
	switch {
	case f.Persistent && f.ID == "":
		return usage("-c needs a client identifier: give one with -i")
	case expiry == neverExpires && f.ID == "" && o.Version == mqtt.V5:
		return usage("a session that never expires needs a client identifier: give one with -i")
	}
	if f.Persistent {
		o.Session = client.AdoptSession() // the last run's half of it is gone, the server's may be there
	}
	return nil
}

// check refuses what contradicts itself. What the protocol forbids the client refuses.
func (f *clientFlags) check() error {
	_, known := versions[string(f.Version)]
	switch {
	case !known:
		return usage("invalid protocol version %q", f.Version)
	case f.Port != nil && (*f.Port < 1 || *f.Port > 65535):
		return usage("invalid port %d", *f.Port)
	case f.KeepAlive < 5:
		return usage("invalid keep alive %d: it must be between 5 and 65535 seconds", f.KeepAlive)
	case f.QoS > 2:
		return usage("invalid QoS %d", f.QoS)
	case f.WillQoS > 2:
		return usage("invalid QoS %d of the will", f.WillQoS)
	case f.Inflight < 1 || f.Inflight > 65535:
		return usage("invalid number %d of messages in flight", f.Inflight)
	case f.ID != "" && f.IDPrefix != "":
		return usage("-i and -I cannot be used together")
	case f.WillTopic == "" && (f.WillPayload != nil || f.WillQoS > 0 || f.WillRetain):
		return usage("a will needs a topic: give one with --will-topic")
	}
	return nil
}

// dial connects, with -d telling about packets on out.
func (f *clientFlags) dial(ctx context.Context, o client.Options, out io.Writer) (*client.Client, error) {
	if f.Debug {
		newTrace(out, &o).attach(&o)
	}
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	c, _, err := client.Dial(ctx, o)
	return c, err
}

// disconnect leaves the server with a DISCONNECT.
func (f *clientFlags) disconnect(c *client.Client, r mqtt.Reason) error {
	ctx, cancel := context.WithTimeout(context.Background(), connectWithin)
	defer cancel()
	return c.DisconnectWith(ctx, &mqtt.Disconnect{Reason: r, Props: f.properties.of(mqtt.DISCONNECT)})
}
