package bench

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// needDescriptors makes sure that n descriptors can be open, or says what to do. It raises the process's soft limit.
func needDescriptors(n int) error {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}
	need := uint64(n)
	if l.Cur >= need {
		return nil
	}
	if l.Max < need {
		return fmt.Errorf("the run needs %d open files and the limit is %d: raise it (ulimit -Hn %d), or use fewer clients",
			need, l.Max, need)
	}
	l.Cur = l.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("raise the limit of open files to %d: %w", l.Max, err)
	}
	return nil
}

// mostDescriptors is how many descriptors this process can have at most; an unlimited number is a large one.
func mostDescriptors() int {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return 1024
	}
	return int(min(l.Max, 1<<30))
}
