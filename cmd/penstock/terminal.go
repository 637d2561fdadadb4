package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// terminalWidth tells how wide the terminal f is; nil when f is none.
func terminalWidth(f *os.File) func() int {
	size := func() (*unix.Winsize, error) { return unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ) }
	if _, err := size(); err != nil {
		return nil
	}
	return func() int {
		s, err := size()
		if err != nil {
			return 0
		}
		return int(s.Col)
	}
}
