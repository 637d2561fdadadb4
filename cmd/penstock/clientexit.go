package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// exitError ends the program with a code of its own; an empty text writes nothing.
type exitError struct {
	code int
	text string
}

func (e *exitError) Error() string { return e.text }
func (e *exitError) ExitCode() int { return e.code }

// Exit codes that mosquitto's clients have besides CONNACK's codes.
const (
	exitProtocol  = 2
	exitLost      = 7
	exitTLS       = 8
	exitKeepAlive = 19
	exitQoS       = 24
	exitTooLarge  = 25
	exitTimeout   = 27
	exitRetain    = 28
	exitAlias     = 29
)

func usage(format string, a ...any) error { return &exitError{exitFailed, fmt.Sprintf(format, a...)} }

// failed turns what the client returned into text and exit code.
func (f *clientFlags) failed(err error) error {
	e := &exitError{exitFailed, err.Error()}
	var refusal *client.ServerError
	var system *net.OpError
	switch {
	case errors.As(err, &refusal) && refusal.Packet == mqtt.CONNACK:
		e.code, e.text = int(refusal.Reason), "connection refused by the server: "+refusal.Error()
		if code, ok := refusal.Reason.ConnackV3(); ok && f.version < mqtt.V5 {
			e.code = int(code)
		}
	case errors.As(err, &refusal):
		e.code = int(refusal.Reason)
	case errors.Is(err, client.ErrPingTimeout):
		e.code = exitKeepAlive
	case errors.Is(err, mqtt.QoSNotSupported):
		e.code = exitQoS
	case errors.Is(err, mqtt.PacketTooLarge):
		e.code = exitTooLarge
	case errors.Is(err, mqtt.RetainNotSupported):
		e.code = exitRetain
	case errors.Is(err, mqtt.TopicAliasInvalid):
		e.code = exitAlias
	case errors.As(err, new(mqtt.Reason)):
		e.code = exitProtocol
	case errors.As(err, &system) && system.Op == "dial":
		e.text = fmt.Sprintf("connect to %s: %v", f.where(), system.Err)
	case errors.Is(err, client.ErrTLS):
		e.code, e.text = exitTLS, fmt.Sprintf("connect to %s: %v", f.where(), err)
	case errors.Is(err, client.ErrWebSocket):
		e.text = fmt.Sprintf("connect to %s: %v", f.where(), err)
	case errors.Is(err, client.ErrMessage), errors.Is(err, client.ErrOptions), errors.Is(err, context.DeadlineExceeded):
	default:
		e.code = exitLost
	}
	if f.Quiet {
		e.text = ""
	}
	return e
}

// warnings is where warn writes.
var warnings io.Writer = os.Stderr

// warn tells what went wrong without ending the program.
func (f *clientFlags) warn(format string, a ...any) {
	if !f.Quiet {
		fmt.Fprintf(warnings, "penstock: "+format+"\n", a...)
	}
}
