package proc

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of /proc/stat, fixed for programs on all architectures that Go knows.
const tick = 10 * time.Millisecond

// ReadClock reads the machine's clock. Time that a hypervisor gave to others is busy: it was not ours.
func ReadClock() (Clock, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return Clock{}, fmt.Errorf("read CPU of the machine: %w", err)
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return parseClock(string(line))
}

// parseClock reads the line "cpu user nice system idle iowait irq softirq steal guest guest_nice"; guests are in user.
func parseClock(line string) (Clock, error) {
	fields := strings.Fields(line)
	if len(fields) < 5 || fields[0] != "cpu" {
		return Clock{}, fmt.Errorf("read CPU of the machine: %q", line)
	}
	var c Clock
	for i, field := range fields[1:min(len(fields), 9)] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return Clock{}, fmt.Errorf("read CPU of the machine: %w", err)
		}
		c.Total += time.Duration(n) * tick
		if i != 3 && i != 4 { // neither idle nor waiting for a disk
			c.Busy += time.Duration(n) * tick
		}
	}
	return c, nil
}

// ask fills in what Linux says of the machine.
func (m *Machine) ask() {
	m.CPU = valueOf("/proc/cpuinfo", "model name", ":")
	if m.CPU == "" { // ARM says so only here, if at all
		m.CPU = valueOf("/proc/cpuinfo", "Model", ":")
	}
	if kB, _, ok := strings.Cut(valueOf("/proc/meminfo", "MemTotal", ":"), " "); ok {
		n, _ := strconv.ParseUint(kB, 10, 64)
		m.Memory = n << 10
	}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = "Linux " + strings.TrimSpace(string(release))
	}
	if name := strings.Trim(valueOf("/etc/os-release", "PRETTY_NAME", "="), `"`); name != "" {
		m.OS = name + " " + m.OS
	}
}

// valueOf finds the first line "key SEP value" of a file.
func valueOf(file, key, sep string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, sep); ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
