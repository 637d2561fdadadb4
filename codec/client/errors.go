package client

import (
	"errors"
	"fmt"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

var (
	// ErrClosed is the error of a connection that this side ended.
	ErrClosed = errors.New("client: closed")
	// ErrPingTimeout says that the server answered nothing for as long as it may.
	ErrPingTimeout = errors.New("client: no answer to PINGREQ")
	// ErrSessionLost is the result of publishes whose session ended before their acknowledgement,
	// on either side.
	ErrSessionLost = errors.New("client: session ended before the acknowledgement")
	// ErrSessionPresent says that the server holds a session this side knows nothing of.
	ErrSessionPresent = errors.New("client: server resumed a session that this side does not have")
	// ErrSessionID says that a Session was offered under another client identifier than its own.
	ErrSessionID = errors.New("client: session belongs to another client identifier")
)

// ServerError is a refusal by the server: a CONNACK, PUBACK, PUBREC, SUBACK or UNSUBACK with a reason
// of 0x80 or above, or its DISCONNECT. It unwraps to the reason, so errors.Is(err, mqtt.NotAuthorized) works.
type ServerError struct {
	Packet    mqtt.Type
	Reason    mqtt.Reason
	Text      string // the Reason String, if any
	Reference string // the Server Reference, if any
}

// Error names the packet and its reason.
func (e *ServerError) Error() string {
	s := fmt.Sprintf("%v: %v", e.Packet, e.Reason)
	if e.Text != "" {
		s += " (" + e.Text + ")"
	}
	if e.Reference != "" {
		s += ", try " + e.Reference
	}
	return s
}

// Unwrap returns the reason.
func (e *ServerError) Unwrap() error { return e.Reason }

func refused(t mqtt.Type, r mqtt.Reason, p *mqtt.Properties) *ServerError {
	return &ServerError{Packet: t, Reason: r, Text: string(p.ReasonString), Reference: string(p.ServerReference)}
}

func violation(format string, a ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, a...), mqtt.ProtocolError)
}

// farewell is the reason a client may put into DISCONNECT for an error it noticed. [MQTT-3.14.2-1]
func farewell(err error) mqtt.Reason {
	var r mqtt.Reason
	if !errors.As(err, &r) {
		return mqtt.UnspecifiedError
	}
	if r >= 0x80 && r.LegalIn(mqtt.DISCONNECT, false) {
		return r
	}
	return mqtt.ProtocolError
}
