package bench

import (
	"fmt"
	"time"

	"github.com/penstock-mqtt/penstock/bench/internal/loop"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

type clientState uint8

const (
	down    clientState = iota // no connection, and none under way
	dialing                    // until CONNACK
	up                         // accepted
	leaving                    // this side ends the connection
)

// client is one MQTT client. A scenario makes it by run.client and fills in what it needs before it connects; from then on
// it belongs to its lane.
type client struct {
	id      string
	lane    *lane
	conn    *loop.Conn // nil without a connection
	ticket  *ticket    // nil: TLS sessions are not taken up again
	state   clientState
	resume  bool // take up the old session rather than start clean
	expiry  uint32
	will    *will
	filters []filter

	// What a scenario wants to be told, on the lane; each may be nil.
	onUp         func(k *client)            // CONNACK has accepted
	onSubscribed func(k *client)            // SUBACK has granted everything
	onDown       func(k *client, err error) // the connection is gone, or never came; nil: this side ended it

	feeds  []*feed
	out    outbox
	ledger ledger
	member *member
	in     inbox

	present    bool          // the last CONNACK said that there was a session
	heard      uint32        // when the last bytes came, in microseconds of the run
	tail       []byte        // a packet that has not come whole
	asked      time.Duration // when CONNECT or SUBSCRIBE was sent
	wanted     int           // filters that the SUBACK has to answer
	reconnects int           // connections before this one
	mayFall    bool          // the end of its connection is no fault
	pinged     bool          // a PINGREQ is unanswered
	enlisted   bool          // in lane.keepers
	awaited    bool          // the run's step waits for it
	failed     error         // why it could not connect or subscribe
}

// filter is one subscription.
type filter struct {
	filter string
	qos    byte
}

// will is what the broker publishes for a client that is gone.
type will struct {
	topic   string
	payload []byte
	qos     byte
	retain  bool
}

// dial connects. On the lane.
func (k *client) dial() {
	k.state = dialing
	k.lane.r.group.Dial(k.lane.loop, k)
}

// Open implements loop.Handler: the connection is there, whatever lies under MQTT included, and CONNECT goes.
func (k *client) Open(c *loop.Conn) {
	ln := k.lane
	ln.connected++
	k.conn, k.tail, k.pinged = c, k.tail[:0], false
	k.asked = ln.r.now()
	if ln.r.layers != nil && ln.secured == "" {
		ln.secured = secured(c, ln.r.to.ws)
	}
	c.Out = k.appendConnect(c.Out)
	c.Flush()
}

func (k *client) appendConnect(dst []byte) []byte {
	cfg := &k.lane.r.cfg
	p := mqtt.Connect{
		Version: cfg.Version, CleanStart: !k.resume, ClientID: []byte(k.id),
		KeepAlive: uint16(min((cfg.KeepAlive+time.Second-1)/time.Second, 65535)),
	}
	if cfg.Username != "" {
		p.HasUsername, p.Username = true, []byte(cfg.Username)
	}
	if cfg.Password != "" {
		p.HasPassword, p.Password = true, []byte(cfg.Password)
	}
	if k.expiry > 0 {
		p.Props.Set(mqtt.PropSessionExpiry)
		p.Props.SessionExpiry = k.expiry
	}
	if w := k.will; w != nil {
		p.HasWill = true
		p.Will = mqtt.Will{Topic: []byte(w.topic), Payload: w.payload, QoS: w.qos, Retain: w.retain}
	}
	return p.AppendTo(dst)
}

// connack takes the answer to CONNECT, and what the broker allows.
func (k *client) connack(flags byte, body []byte) {
	ln := k.lane
	var p mqtt.Connack
	if err := p.Decode(ln.r.peer, flags, body); err != nil {
		k.violation("CONNACK: %v", err)
		return
	}
	if k.state != dialing {
		k.violation("a second CONNACK")
		return
	}
	if p.Reason != mqtt.Success {
		k.failed = fmt.Errorf("%s: CONNACK: %w", k.id, p.Reason)
		ln.faults.note(refused, "%s: CONNACK: %v", k.id, p.Reason)
		k.leave()
		return
	}
	if p.SessionPresent && !k.resume {
		ln.faults.note(protocol, "%s: session present after a clean start", k.id)
	}
	if !p.SessionPresent { // the broker's exchanges went with the session
		ln.unreleased -= int64(k.in.open)
		k.in = inbox{}
	}
	if err := k.limits(&p.Props); err != nil {
		k.failed = fmt.Errorf("%s: %w", k.id, err)
		ln.faults.note(refused, "%s: %v", k.id, err)
		k.leave()
		return
	}
	ln.connects.Add(int64((ln.r.now() - k.asked) / time.Microsecond))
	ln.answered++
	k.state, k.present = up, p.SessionPresent
	ln.enlist(k)
	if k.onUp != nil {
		k.onUp(k)
	}
	ln.r.settled(k)
}

// limits takes what the broker allows: windows shrink to its Receive Maximum; what cannot be cut down is an error.
func (k *client) limits(p *mqtt.Properties) error {
	receive := uint32(maxWindow)
	if p.Has(mqtt.PropReceiveMaximum) {
		receive = min(receive, uint32(p.ReceiveMaximum))
	}
	for _, f := range k.feeds {
		if f.qos > 0 && f.window > receive {
			f.window = receive
		}
		if p.Has(mqtt.PropMaximumQoS) && f.qos > p.MaximumQoS {
			return fmt.Errorf("the broker's Maximum QoS is %d, the scenario publishes at %d", p.MaximumQoS, f.qos)
		}
		for _, s := range f.streams {
			if p.Has(mqtt.PropRetainAvailable) && p.RetainAvailable == 0 && s.retain {
				return fmt.Errorf("the broker retains no messages")
			}
			if size := len(s.head) + s.size; p.Has(mqtt.PropMaximumPacketSize) && size > int(p.MaximumPacketSize) {
				return fmt.Errorf("the broker's Maximum Packet Size is %d, the scenario sends %d bytes", p.MaximumPacketSize, size)
			}
		}
	}
	if p.Has(mqtt.PropSharedAvailable) && p.SharedAvailable == 0 && k.member != nil {
		return fmt.Errorf("the broker has no shared subscriptions")
	}
	return nil
}

// maxWindow is the most exchanges of QoS 1 and 2 that a client opens.
const maxWindow = 1 << 14

// subscribe sends all of the client's filters, or those given. On the lane.
func (k *client) subscribe(filters ...filter) {
	if k.conn == nil || k.state != up {
		return
	}
	if len(filters) == 0 {
		filters = k.filters
	}
	p := mqtt.Subscribe{ID: 1}
	for _, f := range filters {
		p.Filters = append(p.Filters, mqtt.Subscription{Filter: []byte(f.filter), Options: f.qos})
	}
	k.asked, k.wanted = k.lane.r.now(), len(filters)
	k.conn.Out = p.AppendTo(k.conn.Out, k.lane.r.cfg.Version, 0)
	k.conn.Flush()
}

func (k *client) suback(flags byte, body []byte) {
	ln := k.lane
	var p mqtt.Suback
	if err := p.Decode(ln.r.peer, flags, body); err != nil {
		k.violation("SUBACK: %v", err)
		return
	}
	if p.ID != 1 || k.wanted == 0 || len(p.Codes) != k.wanted {
		k.violation("SUBACK %d with %d codes, %d were asked for", p.ID, len(p.Codes), k.wanted)
		return
	}
	for i, code := range p.Codes {
		if code >= 0x80 {
			k.failed = fmt.Errorf("%s: SUBACK: %w", k.id, code)
			ln.faults.note(refused, "%s: SUBACK: filter %d: %v", k.id, i, code)
		} else if i < len(k.filters) && len(p.Codes) == len(k.filters) && byte(code) != k.filters[i].qos {
			ln.faults.note(refused, "%s: SUBACK: filter %d granted at QoS %d instead of %d", k.id, i, code, k.filters[i].qos)
		}
	}
	k.wanted = 0
	ln.subscribes.Add(int64((ln.r.now() - k.asked) / time.Microsecond))
	if k.failed == nil && k.onSubscribed != nil {
		k.onSubscribed(k)
	}
	ln.r.settled(k)
}

// ping keeps the connection alive.
func (k *client) ping() {
	if k.state != up || k.conn == nil {
		return
	}
	if k.pinged && !k.conn.Paused() {
		k.lane.faults.note(stalled, "%s: PINGREQ was not answered", k.id)
	}
	k.pinged = true
	k.conn.Out = mqtt.AppendPingreq(k.conn.Out)
	k.conn.Flush()
}

// leave says DISCONNECT, if that is legal by now, and closes. On the lane.
func (k *client) leave() {
	if k.conn == nil {
		return
	}
	if k.state == up {
		k.conn.Out = (&mqtt.Disconnect{}).AppendTo(k.conn.Out, k.lane.r.cfg.Version, 0)
	}
	k.state = leaving
	k.conn.Close()
}

// fall ends the connection by a reset. On the lane.
func (k *client) fall() {
	if k.conn == nil {
		return
	}
	k.state = leaving
	k.conn.Abort()
}

// Closed implements loop.Handler.
func (k *client) Closed(c *loop.Conn, err error) {
	ln := k.lane
	if c != nil {
		ln.connected--
	}
	was := k.state
	k.conn, k.state = nil, down
	if was == up {
		k.reconnects++
	}
	if was != leaving && err != nil && !k.mayFall && !ln.r.over.Load() {
		ln.faults.note(dropped, "%s: connection lost: %v", k.id, err)
		if k.failed == nil {
			k.failed = fmt.Errorf("%s: %w", k.id, err)
		}
	}
	if k.onDown != nil {
		k.onDown(k, err)
	}
	ln.r.settled(k)
}

// violation counts what no broker may send, and ends the connection: what follows on it means nothing.
func (k *client) violation(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	k.lane.faults.note(protocol, "%s: %s", k.id, text)
	if k.failed == nil {
		k.failed = fmt.Errorf("%s: %s", k.id, text)
	}
	k.leave()
}
