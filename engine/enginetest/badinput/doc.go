// Package badinput sends a broker what no client should send, in every state of a connection, and more than it can take:
// the connection it came on is closed and counted by reason, memory stays bounded, and nobody else notices.
package badinput
