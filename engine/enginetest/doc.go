// Package enginetest is the conformance suite: one short case per rule of MQTT 3.1, 3.1.1 and 5.0, each played over a real
// TCP socket and written in bytes, so that it proves the broker and not the codec it happens to share with the broker.
//
// The suite owns nothing of the product. It has its own builder and parser (wire.go, read.go), and learns where the
// broker is from a Start function: an in-process Penstock by default, any running broker with CONFORMANCE_TARGET=host:port and,
// where it serves WebSocket, CONFORMANCE_WEBSOCKET=ws://host:port/path. A Target may bring a dialer of its own: so the same
// cases are played over TLS and WebSocket.
//
// How a case is written:
//
//	v311("MQTT-3.12.4-1", "PINGREQ is answered", func(t *T) {
//		c := t.connect(Connect{})
//		c.send(packetOf(0xC0))
//		c.expect(0xD0, 0x00)
//	}),
//
// The lists of a file are gathered in registry.go (v5's in v5.go). A case is independent of every other: ids and topics come from t.id and
// t.topic, which are unique in the run. All cases run in parallel. That nothing arrived is shown by a barrier (conn.messages
// or conn.ping), not by waiting. A case that needs a setting asks for it with t.withConfig and is n/a on a foreign broker; one about
// WebSocket begins with t.ask, t.knock or t.upgrade and is n/a where the target has none.
package enginetest
