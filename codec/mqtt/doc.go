// Package mqtt is the wire format of MQTT 3.1, 3.1.1 and 5.0: every control
// packet, decoded in place and encoded by appending.
//
// Reading goes in two steps. A Reader (one per connection) cuts whole packets
// out of what the transport delivered; then the Decode method of the packet's
// own type takes the body apart:
//
//	h, body, rest, err := r.Next(in, max)
//	...
//	err = publish.Decode(mqtt.Peer{Version: mqtt.V5}, h.Flags, body)
//
// # Who owns what
//
// Nothing is copied. The slices of a decoded packet point into the body they
// were decoded from, and that body belongs to the caller of Next or to the
// Reader; both take it back at the next call of Next. Whoever keeps a topic or
// a payload longer copies it. A packet value belongs to one goroutine, usually
// to an event loop that decodes all its packets into the same few values:
// Decode resets the receiver but keeps the capacity of its slices, so a loop
// decodes without allocating. AppendTo never keeps dst.
//
// # What is checked
//
// Decode checks all that the bytes of one packet can decide: lengths, UTF-8,
// reserved bits, packet identifiers, the sets of properties and reason codes
// that are legal for this packet and this direction, value ranges, duplicates.
// It is as strict as the protocol version of the sender says, which makes it
// loose towards 3.1. It knows nothing about the connection: limits that were
// negotiated, the order of packets and the syntax of topic filters are checked
// by those who know them.
//
// Whatever is refused is an *Error: the reason code to tell the peer and the
// numbered statement of the specification that was broken. For 3.1, which has
// no numbered statements, the numbers are those of 3.1.1. All of them are
// allocated once, so a hostile packet costs its sender more than its receiver.
package mqtt
