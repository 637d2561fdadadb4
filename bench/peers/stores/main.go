// Command stores runs the record workload of the broker's store over Penstock's log, pebble and bbolt, to see whether a kept
// library would be cheaper. README.md says what it does and what came out.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// settings are the flags.
type settings struct {
	dir      string
	rounds   int
	duration time.Duration
	messages int
	only     string
	work     string // of a child: what it does, "" in the parent
	keeper   string
	commit   int
}

func main() {
	var s settings
	flag.StringVar(&s.dir, "dir", "", "`folder` on the disk that is measured; the system's for temporary files if not given")
	flag.IntVar(&s.rounds, "rounds", 3, "rounds, in which the stores take turns")
	flag.DurationVar(&s.duration, "duration", 5*time.Second, "of each churn")
	flag.IntVar(&s.messages, "messages", 1_000_000, "that a store is started with")
	flag.StringVar(&s.only, "only", strings.Join(names, ","), "stores to measure")
	flag.StringVar(&s.work, "work", "", "what a process of its own does: churn, fill or recover")
	flag.StringVar(&s.keeper, "keeper", "", "for which store")
	flag.IntVar(&s.commit, "commit", 1, "messages of a commit")
	flag.Parse()
	run := s.compare
	if s.work != "" {
		run = s.alone
	}
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "stores: %v\n", err)
		os.Exit(1)
	}
}

// alone is one piece of work in a process of its own, whose usage goes to stdout as JSON.
func (s *settings) alone() error {
	signal.Ignore(syscall.SIGINT) // the parent's
	found := 0
	var k keeper
	opened, err := measured(func() (int, error) {
		var err error
		k, err = open(s.keeper, s.dir, func(*message) { found++ })
		return found, err
	})
	if err != nil {
		return err
	}
	result, from := opened, newSource()
	switch s.work {
	case "recover":
		if found != s.messages {
			return fmt.Errorf("%s: %d messages were found again, want %d", s.keeper, found, s.messages)
		}
	case "fill":
		result, err = measured(func() (int, error) { return s.messages, fill(k, from, s.messages) })
	case "churn":
		if err = fill(k, from, lag); err == nil {
			result, err = measured(func() (int, error) { return churn(k, from, s.commit, s.duration) })
		}
	default:
		return fmt.Errorf("work: %q is neither churn, fill nor recover", s.work)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.keeper, err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil || s.work == "fill" {
		return errors.Join(err, die())
	}
	return k.close()
}

// die ends the process as a fall would, so that the next one has to recover.
func die() error { return syscall.Kill(os.Getpid(), syscall.SIGKILL) }
