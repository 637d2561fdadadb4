package main

import (
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"

	"github.com/penstock-mqtt/penstock/engine"
)

// Sockets come to a process in the form of systemd: descriptors from 3 on, LISTEN_FDS says how many and LISTEN_FDNAMES
// what they are called. A process that takes the place of another has two more behind them: the control channel and the
// file with the state. handoverEnv tells it so, and which version of the words is spoken.
const (
	handoverEnv     = "PENSTOCK_HANDOVER"
	handoverVersion = "1"
	firstPassed     = 3
)

// The names of what one process passes to the next begin with whom it is for, and what follows is escaped: names are
// separated by colons, of which URLs are full.
const (
	forBroker = "listener/"
	forAdmin  = "admin/"
)

// adminName is the name (FileDescriptorName) of the sockets that a service manager opens for the admin listener.
const adminName = "admin"

// inheritance is what this process was given at its start.
type inheritance struct {
	listeners, admin []engine.Socket
	from             *predecessor // nil: it takes nobody's place
}

// inherit takes what there is, and leaves no trace of it in the environment. What was taken is given with an error, too.
func inherit() (inheritance, error) {
	var given inheritance
	version, ours := os.LookupEnv(handoverEnv)
	count, _ := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if ours {
		_ = os.Unsetenv(handoverEnv)
		from, err := newPredecessor(firstPassed + count)
		if err != nil {
			return given, fmt.Errorf("%s is set, but nothing was handed over: %w", handoverEnv, err)
		}
		given.from = from
		if version != handoverVersion {
			return given, fmt.Errorf("the process before speaks version %q of the restart, this one %s", version, handoverVersion)
		}
		// Only the process itself could know it.
		_ = os.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
	}
	for i, f := range activation.Files(true) {
		name := f.Name()
		if name == "LISTEN_FD_"+strconv.Itoa(firstPassed+i) {
			name = "" // the package's own, for one that has none
		}
		if err := given.take(name, f, ours); err != nil {
			return given, err
		}
	}
	return given, nil
}

// take puts a socket to those of the broker or of the admin listener.
func (g *inheritance) take(name string, f *os.File, ours bool) error {
	switch {
	case !ours && name == adminName:
		g.admin = append(g.admin, engine.Socket{Name: name, File: f})
		return nil
	case !ours:
		g.listeners = append(g.listeners, engine.Socket{Name: name, File: f})
		return nil
	}
	plain, err := url.QueryUnescape(name)
	if err != nil {
		return fmt.Errorf("the process before passed a socket by the name of %q: %w", name, err)
	}
	if title, ok := strings.CutPrefix(plain, forAdmin); ok {
		g.admin = append(g.admin, engine.Socket{Name: title, File: f})
		return nil
	}
	g.listeners = append(g.listeners, engine.Socket{Name: strings.TrimPrefix(plain, forBroker), File: f})
	return nil
}

// legacy is what one process passes to the next.
type legacy struct {
	names []string
	files []*os.File
}

// add takes up duplicates of sockets. They are made here since a File that the net package has made turns its socket to
// blocking when it is passed on, and the broker's own descriptor with it.
func (l *legacy) add(prefix string, sockets []engine.Socket) error {
	for _, s := range sockets {
		f, err := duplicate(s.File)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		l.names = append(l.names, url.QueryEscape(prefix+s.Name))
		l.files = append(l.files, f)
	}
	return nil
}

// env is what the environment says of it.
func (l *legacy) env() []string {
	return []string{
		handoverEnv + "=" + handoverVersion,
		"LISTEN_FDS=" + strconv.Itoa(len(l.files)),
		"LISTEN_FDNAMES=" + strings.Join(l.names, ":"),
	}
}

func (l *legacy) close() {
	for _, f := range l.files {
		_ = f.Close()
	}
}

// duplicate makes a second descriptor of the same open file.
func duplicate(f *os.File) (*os.File, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	if e := raw.Control(func(old uintptr) { fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) }); e != nil {
		return nil, e
	}
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

func closeSockets(sockets []engine.Socket) {
	for _, s := range sockets {
		_ = s.File.Close()
	}
}
