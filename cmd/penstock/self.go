package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// self is how this process was started, so that it can be started again.
type self struct {
	path      string
	args, env []string
}

// thisProgram is to be called early. A path is kept rather than the file, for the file is what an upgrade replaces; and
// as it was called, for what it was called by may be a link that an upgrade turns to another file.
func thisProgram() self {
	s := self{args: os.Args, env: slices.DeleteFunc(os.Environ(), isHandover)}
	var err error
	if s.path, err = os.Executable(); err != nil {
		s.path = os.Args[0]
	}
	called, err := exec.LookPath(os.Args[0])
	if err != nil {
		return s
	}
	if called, err = filepath.Abs(called); err == nil && sameFile(called, "/proc/self/exe") { // a caller may say anything
		s.path = called
	}
	return s
}

func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// isHandover tells whether a variable of the environment is about one process only.
func isHandover(variable string) bool {
	key, _, _ := strings.Cut(variable, "=")
	return key == handoverEnv || strings.HasPrefix(key, "LISTEN_PID") || key == "LISTEN_FDS" || key == "LISTEN_FDNAMES"
}
