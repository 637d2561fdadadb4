package client

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// Client is one MQTT connection. Its methods may be called from any goroutine. A handler may call
// them too, except that it must not wait for what arrives behind its own message: there, use
// PublishAsync, or Publish at QoS 0, or a goroutine.
type Client struct {
	opt     Options
	version mqtt.Version
	conn    net.Conn
	start   time.Time
	server  limits

	dead     chan struct{} // closed with err set: nothing is sent or delivered any more
	finished chan struct{} // closed when the last goroutine has ended
	running  sync.WaitGroup

	gate chan struct{}  // held by the QoS 1 or 2 publisher whose turn it is: order of calls is order of sending
	turn chan struct{}  // held while one message is with its handlers and is acknowledged
	mail chan *delivery // from the reader to the handlers, bounded

	// The reader's own.
	r       mqtt.Reader
	in      []byte // unread part of rbuf
	rbuf    []byte
	limit   int
	inAlias map[uint16]string

	// Times in nanoseconds since start.
	lastOut, lastIn, readSince atomic.Int64
	reads                      atomic.Uint64

	mu       sync.Mutex // guards the rest
	s        *Session
	resumed  bool // Options.Session was given: it outlives the connection
	expiry   uint32
	err      error
	ending   bool // nothing may be appended to out any more
	stopped  bool // messages not handled yet are dropped: the end was ours, or Stop was called
	out      output
	outAlias aliases
	requests map[uint16]*request
	routes   []route
	reauth   chan error
}

// limits is what the CONNACK announced, with the defaults of the specification filled in.
type limits struct {
	receiveMaximum    int
	topicAliasMaximum uint16
	maximumPacketSize int
	maximumQoS        byte
	retain            bool
	wildcard          bool
	shared            bool
	subscriptionID    bool
	keepAlive         time.Duration
}

func announced(o *Options, p *mqtt.Properties) limits {
	l := limits{
		receiveMaximum: 65535, maximumQoS: 2,
		retain: true, wildcard: true, shared: true, subscriptionID: true,
		keepAlive: time.Duration(o.KeepAlive) * time.Second,
	}
	if p.Has(mqtt.PropReceiveMaximum) {
		l.receiveMaximum = int(p.ReceiveMaximum) // [MQTT-3.3.4-7] [MQTT-4.9.0-1]
	}
	if o.Inflight > 0 {
		l.receiveMaximum = min(l.receiveMaximum, o.Inflight)
	}
	if p.Has(mqtt.PropTopicAliasMaximum) {
		l.topicAliasMaximum = p.TopicAliasMaximum
	}
	if p.Has(mqtt.PropMaximumPacketSize) {
		l.maximumPacketSize = int(p.MaximumPacketSize)
	}
	if p.Has(mqtt.PropMaximumQoS) {
		l.maximumQoS = p.MaximumQoS
	}
	if p.Has(mqtt.PropServerKeepAlive) { // [MQTT-3.1.2-21] [MQTT-3.2.2-21]
		l.keepAlive = time.Duration(p.ServerKeepAlive) * time.Second
	}
	l.retain = !p.Has(mqtt.PropRetainAvailable) || p.RetainAvailable == 1
	l.wildcard = !p.Has(mqtt.PropWildcardAvailable) || p.WildcardAvailable == 1
	l.shared = !p.Has(mqtt.PropSharedAvailable) || p.SharedAvailable == 1
	l.subscriptionID = !p.Has(mqtt.PropSubscriptionIDAvailable) || p.SubscriptionIDAvailable == 1
	return l
}

// Done is closed when the connection is over; Err says why.
func (c *Client) Done() <-chan struct{} { return c.dead }

// Err is nil while the connection lives, ErrClosed after its end by this side, a *ServerError after
// the server's DISCONNECT, else what went wrong.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// ClientID is the identifier the session goes by, the server's choice included.
func (c *Client) ClientID() string { return c.opt.ClientID }

func (c *Client) now() int64 { return int64(time.Since(c.start)) }
