package loop

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// The pacer looks at the alarms at least this often, so that an alarm may move nearer without a word to it, and wakes a
// loop at most once in nap: more often would load the machine with nothing but wakes.
const (
	glance = 500 * time.Microsecond
	nap    = 50 * time.Microsecond
)

// pacer wakes loops on time. Go's timers come when the scheduler gets round to them, which under load is a millisecond
// late; a thread of its own with a slack of a nanosecond is late by tens of microseconds. It sleeps only by the clock:
// what is due is for the loop to say, so that a wake that comes late brings more rather than falling behind.
type pacer struct {
	g    *Group
	kick chan struct{}
}

func newPacer(g *Group) *pacer { return &pacer{g: g, kick: make(chan struct{}, 1)} }

// wake says that there may be an alarm, or the end.
func (p *pacer) wake() {
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

// StartPacer makes alarms work; it costs a thread, so only who paces asks for it. Before the first SetAlarm, once.
func (g *Group) StartPacer() { g.run(g.pacer.run) }

func (p *pacer) run() {
	runtime.LockOSThread() // for good: the slack is the thread's, and must not stay with another goroutine's
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	for {
		select {
		case <-p.g.quit:
			return
		default:
		}
		next := p.fire(p.g.Now())
		if next == 0 {
			select {
			case <-p.kick:
			case <-p.g.quit:
				return
			}
			continue
		}
		d := min(max(next-p.g.Now(), nap), glance)
		ts := unix.NsecToTimespec(int64(d))
		_ = unix.Nanosleep(&ts, nil)
	}
}

// fire wakes the loops whose alarms are due and returns the nearest of the others, 0 for none.
func (p *pacer) fire(now time.Duration) (next time.Duration) {
	for _, l := range p.g.loops {
		at := l.alarm.Load()
		if at == 0 {
			continue
		}
		if time.Duration(at) <= now {
			if l.alarm.CompareAndSwap(at, 0) {
				l.ask(askAlarm)
			}
			next = now + nap // it will be set again in a moment
			continue
		}
		if next == 0 || time.Duration(at) < next {
			next = time.Duration(at)
		}
	}
	return next
}
