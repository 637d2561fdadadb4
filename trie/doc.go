// Package trie holds what a broker knows about topics: the rules of names and filters, the Index that
// says who subscribed to a topic, the Cache a loop keeps in front of it, and the Retained tree that says
// which topics a filter names.
//
// Index and Retained may be used from any goroutine. A Cache belongs to one loop and has no lock. Nothing
// here keeps a slice of a caller: topics, filters and values are copied, and what is returned is appended to
// the caller's own buffer and is the caller's. There are no pointers inside where there are millions of
// entries, so a garbage collection walks over a full index in milliseconds.
package trie
