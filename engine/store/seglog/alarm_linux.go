package seglog

import (
	"os"
	"time"

	sys "golang.org/x/sys/unix"
)

// alarm waits for times that are short of a millisecond, which is what the timers of the runtime are good for in a process that
// has nothing else to do. It is a timer of the kernel that the runtime's poller waits for, so that no thread is held.
type alarm struct {
	file *os.File
	fd   int
}

// newAlarm makes one; nil when the kernel gives none.
func newAlarm() *alarm {
	fd, err := sys.TimerfdCreate(sys.CLOCK_MONOTONIC, sys.TFD_NONBLOCK|sys.TFD_CLOEXEC)
	if err != nil {
		return nil
	}
	return &alarm{file: os.NewFile(uintptr(fd), "timerfd"), fd: fd}
}

// set makes it due in d, whatever it was set to before; false: it cannot.
func (a *alarm) set(d time.Duration) bool {
	if a == nil {
		return false
	}
	spec := sys.ItimerSpec{Value: sys.NsecToTimespec(max(int64(d), 1))}
	return sys.TimerfdSettime(a.fd, 0, &spec, nil) == nil
}

// wait waits until it is due.
func (a *alarm) wait() {
	var expired [8]byte
	_, _ = a.file.Read(expired[:])
}

// end gives it back, once nobody sets it any more.
func (a *alarm) end() {
	if a != nil {
		_ = a.file.Close()
	}
}
