package netloop

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// A loop that has nothing to do sleeps, and to wake it costs more than what it is usually woken for: one message. So the
// loop that has the message may do the other's pass itself: while it does it has the other loop's lock, which each loop
// otherwise holds during its own callbacks. What belongs to a loop is still touched by one goroutine at a time.

// lock begins a callback on the loop's own goroutine. A connection that is closed within one comes back as another.
func (l *Loop) lock() (outermost bool) {
	if l.inside {
		return false
	}
	l.own.Lock()
	l.inside = true
	return true
}

func (l *Loop) unlock(outermost bool) {
	if outermost {
		l.inside = false
		l.own.Unlock()
	}
}

// Help wakes the loop as Wake does, or runs Handler.Wake and what it defers at once, on the caller's goroutine, if the
// loop has nothing else to do: then it says true. The caller is another loop, in its pass.
func (l *Loop) Help() bool {
	if l.help() {
		return true
	}
	l.Wake()
	return false
}

// Helped says, in Wake and Flush, whether it is another loop that runs them.
func (l *Loop) Helped() bool { return l.helped }

func (l *Loop) help() bool {
	if l.pending.Load() != 0 || !l.own.TryLock() {
		return false
	}
	defer l.own.Unlock()
	if l.stopping || !l.idle() {
		return false
	}
	l.inPass, l.helped = true, true
	l.wake()
	if l.deferred {
		l.deferred = false
		l.flushing = true
		l.flush()
		l.flushing = false
	}
	l.inPass, l.helped = false, false
	if len(l.closing) > 0 {
		l.want(wantReap)
	}
	return true
}

// idle says whether nobody wants a pass and no socket has an event: also one that the loop has been told of and has not
// come to yet has it still.
func (l *Loop) idle() bool {
	if l.pending.Load() != 0 {
		return false
	}
	p := unix.PollFd{Fd: int32(l.epfd), Events: unix.POLLIN}
	var now unix.Timespec
	n, _, _ := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&p)), 1, uintptr(unsafe.Pointer(&now)), 0, 0, 0)
	return n == 0
}
