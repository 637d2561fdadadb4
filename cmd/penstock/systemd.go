package main

import (
	"fmt"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// tell sends a state to the service manager, where there is one (NOTIFY_SOCKET).
func (l logger) tell(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		l.Warn("the service manager cannot be told", "state", state, "error", err)
	}
}

// tellReady says that clients are served, at the start and after a reload.
func (l logger) tellReady() { l.tell(daemon.SdNotifyReady + "\nSTATUS=Serving") }

// tellReloading must be followed by tellReady.
func (l logger) tellReloading() {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return // a reload that nobody knows of is none the worse
	}
	l.tell(fmt.Sprintf("%s\nMONOTONIC_USEC=%d", daemon.SdNotifyReloading, now.Nano()/1000))
}

// tellStopping says that this is a stop, and that no other process follows.
func (l logger) tellStopping() { l.tell(daemon.SdNotifyStopping) }

// tellSuccessor names the process that is the service from now on. It is for the old process to say: only the one that
// is the service is listened to.
func (l logger) tellSuccessor(pid int) {
	l.tell(fmt.Sprintf("MAINPID=%d\n%s\nSTATUS=Serving", pid, daemon.SdNotifyReady))
}
