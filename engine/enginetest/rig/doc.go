// Package rig is what the tests that maltreat a broker have in common: a broker in the test's own process whose clock
// can be put forward and which is searched for leftovers at the end, and a client that says whatever it is told to, over
// TCP and whatever layers it is told to put on it.
//
// A Broker belongs to the test that started it and ends with it. A Conn belongs to one reader; any goroutine may Send.
package rig
