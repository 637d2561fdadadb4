// Package proc reads what a process and the machine around it use: CPU time, memory, threads, system calls.
//
// It starts nothing in the background: every figure is of the moment of its call, and the caller takes differences. On
// systems other than Linux the functions return [ErrUnknown], and zeros for what a report can do without.
package proc

import (
	"errors"
	"time"
)

// ErrUnknown is the answer where the system does not say.
var ErrUnknown = errors.New("CPU and memory of a process are not known on this system")

// Usage is what a process has used since it began (CPU, Reads, Writes) or holds now (RSS, Threads).
type Usage struct {
	CPU     time.Duration // of all threads, those that ended since the first reading included
	RSS     uint64        // bytes; the kernel's own count, right to a few hundred kilobytes
	Threads int
	Reads   uint64 // read system calls; 0 when the system does not tell
	Writes  uint64 // write system calls; 0 when the system does not tell
	Disk    uint64 // bytes that it caused to be written to disks, and not to memory that looks like one; 0 when the system does not tell
}

// Machine is the computer and its software.
type Machine struct {
	Host   string
	CPU    string // model
	Cores  int    // that Go may use
	Memory uint64 // bytes
	Kernel string
	OS     string
	Go     string
	GOGC   string // of this process
}

// Clock is the CPU time of the whole machine up to a moment.
type Clock struct {
	Busy  time.Duration // all cores together, work of any kind
	Total time.Duration // all cores together, idling included
}

// Others is the share of the machine's CPU, 0–1, that between two clocks went to none of the processes that used what is
// given. The kernel counts a machine's time in ticks of 10 ms, so it means little over less than a second.
func Others(from, to Clock, used ...time.Duration) float64 {
	rest, total := to.Busy-from.Busy, to.Total-from.Total
	for _, u := range used {
		rest -= u
	}
	if rest <= 0 || total <= 0 {
		return 0
	}
	return min(1, float64(rest)/float64(total))
}
