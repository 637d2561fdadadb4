// Package netloop owns the sockets: event loops, acceptors, enrolment, reads, writes, the writable event, pausing and
// the orderly end of connections. It is built on gnet and, besides the load generator's loop, the only package that
// imports it; what lies above sees [Handler], [Loop] and [Conn] and could be put on another reactor.
//
// Who owns what:
//
//   - A [Loop] is one goroutine. Every [Handler] method runs on the goroutine of the loop it concerns, so what hangs
//     on a Loop or a Conn (their Value fields) needs no lock. The exception is [Loop.Help]: then Wake and Flush of an
//     idle loop run on the helper's goroutine, while the loop's own is kept out. Only [Loop.Wake], [Loop.Conns], [Loop.Index],
//     [Engine.Enroll], [Engine.Serve] and the methods of an [Acceptor] may be called from anywhere; Conn's methods belong
//     to its loop (the addresses and Loop() never change and may be read by anybody).
//   - The bytes given to Data are the loop's read buffer: they are valid until Data returns.
//   - The bytes given to Write and Writev stay the caller's: nothing is kept, nothing is buffered here.
//   - A net.Conn given to Enroll and a listener given to Serve belong to the engine from then on.
//   - An [Acceptor] has no goroutine: the loop that hosts it takes its connections, and what is another loop's is posted
//     there. A goroutine of its own costs more than all the rest of a connection that comes, says CONNECT and goes.
//   - Who comes waits in the listening socket's backlog while the [Admission] is not ready, and while the socket goes to
//     another process: [Acceptor.File] gives a duplicate away, [Adopt] takes one up. As long as one is open, nobody is
//     refused.
//
// The order of things within one round of a loop (one epoll_wait):
//
//	Open, Data, Closed      as the sockets say
//	Writable, Tick, Wake    what was asked for in the meantime, each at most once (Writable: once a connection)
//	Flush                   if Defer was called since the last one
//
// Connections given to Close are closed when the callback that did it returns, so Closed never runs inside a call of
// the handler. Wakes that keep coming cannot keep a loop from its sockets: after a few passes in a row the next one
// waits for a look at them.
//
// Linux only. Never build it with gnet's poll_opt tag: that stores pointers in the epoll set, which Pause rewrites.
package netloop
