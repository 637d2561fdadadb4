// Package loop is the load generator's event loops, on gnet, and with the broker's own netloop the only package that
// imports it. It needs less than a broker: it never accepts, a connection is written by its own loop only, and a full
// socket just means that what it has to say waits in memory.
//
// A [Conn] belongs to one [Loop]. Its [Handler] runs on that loop and appends to [Conn.Out]; [Conn.Flush] has it written
// with one system call at the end of the round, behind everything else the round brought. Other goroutines reach a loop
// by [Loop.Post] only. Bytes given to [Handler.Data] are valid until it returns.
//
// With [Layers] there is TLS or WebSocket between Conn.Out and the socket: the stages of codec, called on the loop, but for
// TLS handshakes, which compute on goroutines of their own and post what they have to say. Handler.Open waits for them.
//
// A round ends with a pass: what was posted, the alarm, [Hooks.Round], the writes, the closes, in this order.
package loop
