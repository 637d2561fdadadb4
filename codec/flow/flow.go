// Package flow is the QoS 1 and QoS 2 machine of MQTT, seen from both ends: a Sender holds the
// exchanges one side began, a Receiver those it takes part in. Broker sessions, the client and the
// load generator use the same two types, because the protocol is symmetrical.
//
// The package is pure: it does no I/O, reads no clock and takes no lock. A method is told what came in and
// answers what has to go out; storing and sending is the owner's work, in that order. Each value
// belongs to one goroutine at a time.
//
// What an owner attaches to an exchange (the M of a Sender) stays the owner's: it is handed back exactly
// once, when the exchange ends or is taken out, and is released by the owner then.
package flow

// Identifiers is how many packet identifiers there are: 1 to 65,535 [MQTT-2.2.1-2].
const Identifiers = 65535

// ID is the packet identifier of the delivery with sequence number seq.
// A rule instead of a counter costs no record in the store: after a crash the same deliveries come back
// under the same identifiers [MQTT-4.4.0-1].
func ID(seq uint64) uint16 { return uint16(seq%Identifiers) + 1 }

// minPlaces is the smallest table of open exchanges: eight are a usual window of a slow device.
const minPlaces = 8

// keepPlaces is the largest table that is kept while empty. A window that fills and empties in each
// pass would otherwise allocate in each pass.
const keepPlaces = 64
