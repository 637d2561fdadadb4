// Package crash holds a broker to its word with clients over real sockets, while the broker loses its process, its power, its
// room or its disk again and again.
//
// A Fleet is the clients: publishers and subscribers that keep their sessions, their packet identifiers and their open
// exchanges over any number of connections, as devices do. A Ledger is the judge: it notes what was sent, what was acknowledged
// and what arrived, in the order in which the clients saw it, and says what the broker owes and what it should not have done. It
// shares no code with the broker but the decoding of packets.
//
// A Fleet's goroutines own their clients; the Ledger is shared, under one lock. Serve is a broker that can be told to lose
// everything that is not synced: tests run it in a process of its own, and package victim makes a program of it.
package crash
