package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// task is what stores are measured at.
type task struct {
	title  string
	commit int // messages of one; 0: recovery
}

var tasks = []task{{"a commit a message", 1}, {"16 messages a commit", 16}, {"256 messages a commit", 256}, {recovery, 0}}

const recovery = "recovery"

// outcome is one task of one store: a value a round.
type outcome struct {
	runs  []usage
	sizes []int64 // of the folder, before recovery
}

// compare measures all, each in a process of its own, and prints the table.
func (s *settings) compare() error {
	stores := strings.Split(s.only, ",")
	results := map[string]*outcome{}
	for round := range s.rounds {
		for _, t := range tasks {
			for i := range stores {
				name := stores[(round+i)%len(stores)]
				if err := s.task(t, name, results); err != nil {
					return err
				}
				fmt.Fprintf(os.Stderr, "round %d of %d: %s, %s\n", round+1, s.rounds, t.title, name)
			}
		}
	}
	return s.tables(os.Stdout, stores, results)
}

func (s *settings) task(t task, name string, results map[string]*outcome) error {
	dir, err := os.MkdirTemp(s.dir, "penstock-stores-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	o := results[t.title+name]
	if o == nil {
		o = new(outcome)
		results[t.title+name] = o
	}
	work := "churn"
	if t.commit == 0 {
		if _, err := s.child("fill", name, dir, 0); err != nil {
			return err
		}
		o.sizes = append(o.sizes, onDisk(dir))
		work = "recover"
	}
	u, err := s.child(work, name, dir, t.commit)
	o.runs = append(o.runs, u)
	return err
}

// child has a process of its own do it.
func (s *settings) child(work, name, dir string, commit int) (u usage, err error) {
	self, err := os.Executable()
	if err != nil {
		return u, err
	}
	cmd := exec.Command(self, "-work", work, "-keeper", name, "-dir", dir, "-commit", strconv.Itoa(commit),
		"-messages", strconv.Itoa(s.messages), "-duration", s.duration.String())
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if exit := new(exec.ExitError); errors.As(err, &exit) && work == "fill" && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		err = nil // as it was to end
	}
	if err != nil {
		return u, fmt.Errorf("%s of %s: %w", work, name, err)
	}
	return u, json.Unmarshal(out, &u)
}

// onDisk is how many bytes of the disk a folder takes.
func onDisk(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := entry.Info(); err == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				n += st.Blocks * 512
			}
		}
		return nil
	})
	return n
}
