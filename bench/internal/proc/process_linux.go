package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Process is a process whose usage is read. It belongs to one goroutine.
type Process struct {
	dir     string // below /proc
	threads threads
}

// Self is the process that asks.
func Self() (*Process, error) { return Open(os.Getpid()) }

// Open finds the process with the number pid and takes a first reading, so that no thread ends unseen from then on.
func Open(pid int) (*Process, error) {
	p := &Process{dir: filepath.Join("/proc", strconv.Itoa(pid))}
	if _, err := p.Read(); err != nil {
		return nil, err
	}
	return p, nil
}

// Read takes a reading. It fails when the process has ended.
func (p *Process) Read() (Usage, error) {
	now, err := p.perThread()
	if err != nil {
		return Usage{}, fmt.Errorf("read CPU of process %s: %w", filepath.Base(p.dir), err)
	}
	if len(now) == 0 {
		return Usage{}, fmt.Errorf("read CPU of process %s: it has ended", filepath.Base(p.dir))
	}
	u := Usage{CPU: p.threads.add(now), Threads: len(now)}
	if u.RSS, err = p.rss(); err != nil {
		return Usage{}, fmt.Errorf("read memory of process %s: %w", filepath.Base(p.dir), err)
	}
	u.Reads, u.Writes, u.Disk = p.io()
	return u, nil
}

// perThread reads each thread's time on a CPU, in nanoseconds: times of whole processes come in ticks of 10 ms.
func (p *Process) perThread() (map[int]time.Duration, error) {
	entries, err := os.ReadDir(p.dir + "/task")
	if err != nil {
		return nil, err
	}
	now := make(map[int]time.Duration, len(entries))
	for _, e := range entries {
		id, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		text, err := os.ReadFile(p.dir + "/task/" + e.Name() + "/schedstat")
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) && p.there(e.Name()) {
				return nil, fmt.Errorf("this kernel keeps no schedstat: %w", err)
			}
			continue // the thread has ended since the folder was listed
		}
		if fields := bytes.Fields(text); len(fields) > 0 {
			ns, err := strconv.ParseInt(string(fields[0]), 10, 64)
			if err != nil {
				return nil, err
			}
			now[id] = time.Duration(ns)
		}
	}
	return now, nil
}

func (p *Process) there(thread string) bool {
	_, err := os.Stat(p.dir + "/task/" + thread)
	return err == nil
}

// rss reads the second field of statm, in pages.
func (p *Process) rss() (uint64, error) {
	text, err := os.ReadFile(p.dir + "/statm")
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return 0, fmt.Errorf("statm holds %q", text)
	}
	pages, err := strconv.ParseUint(string(fields[1]), 10, 64)
	return pages * uint64(os.Getpagesize()), err
}

// io reads the counts of read and write system calls and of bytes for disks, which only the process's user and root may
// see. The kernel counts a page when it becomes dirty: written again before it went to the disk, it counts once.
func (p *Process) io() (reads, writes, disk uint64) {
	text, err := os.ReadFile(p.dir + "/io")
	if err != nil {
		return 0, 0, 0
	}
	for line := range bytes.Lines(text) {
		name, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(": "))
		n, _ := strconv.ParseUint(string(value), 10, 64)
		switch string(name) {
		case "syscr":
			reads = n
		case "syscw":
			writes = n
		case "write_bytes":
			disk = n
		}
	}
	return reads, writes, disk
}
