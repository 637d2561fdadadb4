//go:build poll_opt

package netloop

// With this tag gnet stores pointers in the epoll set, which Pause and the start's self-test would overwrite. The line
// below does not compile, on purpose: a crash of the running broker is the alternative.
var _ = netloopDoesNotWorkWithGnetsPollOpt
