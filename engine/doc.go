// Package engine is the broker's core: connections, sessions and the steps of each packet, on event loops.
//
// New makes a Broker of a Config (data) and Parts (behaviour), Start serves, Stop ends. Several brokers in one process
// share nothing. An embedder publishes and subscribes in process, disconnects clients, reloads what may change (Live)
// and watches through Hooks.
//
// A loop owns its connections, the sessions that are attached there or were last, and their timers; nobody else
// touches them. What loops share is the subscription index, the retained tree, the directory of client identifiers and
// the table of slots. Loops tell each other things by inboxes. Slices that a hook or handler is given are valid until
// it returns.
package engine
