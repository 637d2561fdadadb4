package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// What a process and the one that takes its place say to each other: a line a word, over a socket pair. The two may be of
// different releases, so a word once said keeps its meaning; handoverVersion goes up when the order changes.
//
//	new → old   ready "place"  all that can fail before anybody is served has been tried. The place of the store that will
//	                           be opened, empty or not there: none; what another one holds has to go along
//	old → new   go             the state is complete: serve
//	new → old   serving        the place is taken
//	new → old   error "why"    in place of ready or serving; the end of the process follows
//	old → new   stop           in place of go: it has been called off
//
// A channel that ends without a word says that the other has died.
const (
	wordReady   = "ready"
	wordGo      = "go"
	wordServing = "serving"
	wordError   = "error"
	wordStop    = "stop"
)

// control is one end of that channel.
type control struct {
	file *os.File
	said chan message // what the other says; closed at its end
}

type message struct {
	word string
	text string // of an error, or the place of a store
}

// controlPair makes both ends; that of the other process is to be passed on and closed.
func controlPair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	return os.NewFile(uintptr(fds[0]), "restart"), os.NewFile(uintptr(fds[1]), "restart"), nil
}

// newControl begins to listen.
func newControl(file *os.File) *control {
	c := &control{file: file, said: make(chan message, 4)}
	go func() {
		defer close(c.said)
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			word, rest, _ := strings.Cut(lines.Text(), " ")
			text, err := strconv.Unquote(rest)
			if err != nil {
				text = rest
			}
			c.said <- message{word, text}
		}
	}()
	return c
}

// say writes a word. That nobody reads it any longer shows at the end of said.
func (c *control) say(word string) { _, _ = fmt.Fprintln(c.file, word) }

// sayText writes a word with what belongs to it.
func (c *control) sayText(word, text string) {
	_, _ = fmt.Fprintf(c.file, "%s %s\n", word, strconv.Quote(text))
}

// close ends the channel for both.
func (c *control) close() { _ = c.file.Close() }
