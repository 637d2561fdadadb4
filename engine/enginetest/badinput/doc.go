// Package badinput sends a broker what no client should send, in every state of a connection and at every depth of its
// transport, and more than it can take: the connection it came on is closed and counted by reason and listener, memory and
// time stay bounded, and nobody else notices.
//
// What speaks MQTT over TCP starts a rig; what is about transports builds a site (site_test.go), which has a listener of
// each kind.
package badinput
