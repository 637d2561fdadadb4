// Package fanout carries one message to many receivers.
//
// A Message is the one copy of what was published: reference-counted, shared by loops, never changed after it was
// made. A Frame is one encoding of it, made by the loop that sends it and touched by that loop only. A Router asks
// the loop's match cache, then the index, and groups receivers by the loop that owns them, so that one Item per
// (message, loop) crosses an Inbox.
//
// Ownership: a Pool, a Router and every Frame belong to one loop. Message, Slots, Groups and Inbox are shared.
// Each Hold of a Message ends with one Release; slices that a Message or Frame hands out live as long as the
// reference that the caller holds.
package fanout
