// Package client is the client side of MQTT 3.1, 3.1.1 and 5.0 on the codec that the broker uses too.
//
// A [Client] is one network connection: [Dial] opens it, [Client.Disconnect] ends it with a word of
// goodbye and [Client.Close] without one. What outlives a connection (publishes without an
// acknowledgement, QoS 2 messages half received) is the [Session], which the caller hands to the
// next Dial. The package does not reconnect by itself.
//
// What lies below MQTT follows from the scheme of the address: TLS, WebSocket, both, a unix socket, or nothing but TCP.
//
// Each client owns four goroutines: one reads and acknowledges, one writes what was appended to a
// shared buffer, one calls the handlers, one watches the keep alive. One lock guards the state and
// is held neither across a socket call nor across a handler.
//
// Who owns which bytes: what a caller passes in is copied before the call returns; what a [Handler]
// gets belongs to the handler, which may keep it.
package client
