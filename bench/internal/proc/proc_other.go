//go:build !linux

package proc

// Process is a process whose usage is read.
type Process struct{}

// Open returns [ErrUnknown] on this system.
func Open(pid int) (*Process, error) { return nil, ErrUnknown }

// Self returns [ErrUnknown] on this system.
func Self() (*Process, error) { return nil, ErrUnknown }

// Read returns [ErrUnknown] on this system.
func (p *Process) Read() (Usage, error) { return Usage{}, ErrUnknown }

// ReadClock returns [ErrUnknown] on this system.
func ReadClock() (Clock, error) { return Clock{}, ErrUnknown }

func (m *Machine) ask() {}
