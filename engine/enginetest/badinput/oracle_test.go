package badinput

import (
	"errors"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// state is where a connection stands when the bad input comes.
type state int

const (
	fresh      state = iota // no CONNECT yet
	accepted                // connected
	deciding                // the CONNECT is being decided; what follows waits for it
	exchanging              // enhanced authentication; the client's AUTH is awaited
)

func (s state) String() string {
	return [...]string{"before CONNECT", "connected", "during authentication", "during enhanced authentication"}[s]
}

// verdict is what has to become of a stream, as far as its bytes alone say.
type verdict struct {
	end    bool         // the broker ends the connection with reason
	reason mqtt.Reason  // counted, and told where the version can
	v      mqtt.Version // in whose form it is told; 0: nobody can tell
	sure   bool         // nothing comes before the packet that is at fault, so the broker cannot object to something else
	quiet  bool         // the client ends the connection
	waits  bool         // no PINGREQ is left to be answered, or it is part of a packet that is not whole
}

// judge reads a stream as the broker has to.
func judge(st state, v mqtt.Version, stream []byte, max int) verdict {
	var r mqtt.Reader
	j := verdict{v: v, sure: true, waits: true}
	if st == fresh {
		j.v = 0
		if len(stream) > 0 && mqtt.Type(stream[0]>>4) != mqtt.CONNECT { // whatever length it claims
			return j.ends(mqtt.ProtocolError)
		}
		if len(stream) > 1 && stream[0] == 0x16 && stream[1] == 3 { // TLS, which looks like a CONNECT with wrong flags
			return j.ends(mqtt.ProtocolError)
		}
	}
	for rest := stream; ; {
		h, body, more, err := r.Next(rest, max)
		if err != nil {
			return j.ends(err)
		}
		if h.Type == 0 {
			return j
		}
		rest = more
		switch st {
		case fresh:
			if h.Type != mqtt.CONNECT {
				return j.ends(mqtt.ProtocolError)
			}
			var p mqtt.Connect
			err := p.Decode(h.Flags, body)
			j.v = p.Version
			if err != nil {
				return j.ends(err)
			}
			st, v = accepted, p.Version
		case exchanging:
			if h.Type != mqtt.AUTH && h.Type != mqtt.DISCONNECT {
				return j.ends(mqtt.ProtocolError)
			}
			fallthrough
		default:
			err := check(h, body, v)
			if err != nil {
				return j.ends(err)
			}
			if h.Type == mqtt.PINGREQ {
				j.waits = false
			}
			if h.Type == mqtt.DISCONNECT {
				j.quiet, j.waits = true, false
				return j
			}
			if st == exchanging {
				j.sure, j.waits = false, false
				return j // what follows depends on the exchange
			}
		}
		j.sure = false
	}
}

func (j verdict) ends(err error) verdict {
	j.end = true
	if !errors.As(err, &j.reason) {
		j.reason = mqtt.UnspecifiedError
	}
	return j
}

// check decodes a packet of a connected client.
func check(h mqtt.Header, body []byte, v mqtt.Version) error {
	from := mqtt.Peer{Version: v}
	if err := h.Check(from); err != nil {
		return err
	}
	switch h.Type {
	case mqtt.CONNECT:
		return mqtt.ProtocolError
	case mqtt.PUBLISH:
		return new(mqtt.Publish).Decode(from, h.Flags, body)
	case mqtt.SUBSCRIBE:
		return new(mqtt.Subscribe).Decode(from, h.Flags, body)
	case mqtt.UNSUBSCRIBE:
		return new(mqtt.Unsubscribe).Decode(from, h.Flags, body)
	case mqtt.DISCONNECT:
		return new(mqtt.Disconnect).Decode(from, h.Flags, body)
	case mqtt.AUTH:
		return new(mqtt.Auth).Decode(from, h.Flags, body)
	case mqtt.PINGREQ:
		return mqtt.DecodePing(from, h.Flags, body)
	}
	return (&mqtt.Ack{Type: h.Type}).Decode(from, h.Flags, body)
}
