// Package codec holds the layers of bytes between a socket and MQTT: PROXY protocol, TLS and WebSocket. Each is a stage;
// a Chain puts those of one connection together, outermost first. A plain TCP connection has no chain and pays nothing.
//
// A stage does no I/O and has no clock: bytes of the socket are fed to it, what it answers by itself is appended to the
// loop's Scratch, and what it takes off is handed to a Sink. All of a chain belongs to the event loop of its connection;
// only a TLS handshake computes elsewhere, bounded by Handshakes, and tells the loop by a call when it has news.
//
// Bytes that are handed over live until the call returns: they are the socket's read buffer, changed in place where a
// stage unmasks it, or the loop's scratch.
package codec
