//go:build !linux

package seglog

import "time"

// alarm would wait for times that are short of a millisecond; here the timers of the runtime have to do.
type alarm struct{}

func newAlarm() *alarm { return nil }

func (*alarm) set(time.Duration) bool { return false }
func (*alarm) wait()                  {}
func (*alarm) end()                   {}
