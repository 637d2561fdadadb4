// Package admin is the operator's door: health, metrics, profiles and a small API over HTTP, on TCP and on a unix socket.
//
// It stands on the engine's public methods alone, and a broker can do without it. Nothing here makes an event loop wait:
// counters are read where they lie, and what only a loop knows is asked for in bounded pieces through its inbox.
//
// The API answers in JSON: its fields are those of [Status], [Listeners], [Store], [Page] of [Client],
// [Details], [Kicked]. An error is
// {"error": "why"} with the status that fits. `penstock ctl` is its client.
//
// Who may do what is decided in one place, guard.go:
//
//   - Over the unix socket everything is allowed: its mode is 0600.
//   - Over TCP a request must name a host that is ours (a page of elsewhere cannot, by DNS or otherwise), and what changes
//     state needs the token.
//   - A TCP address beyond loopback is not opened without a token or client certificates. With a token all but /healthz
//     and /readyz needs it there.
package admin
