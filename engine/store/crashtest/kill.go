package crashtest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store/seglog"
)

// killProcess kills a process that writes to real files, again and again. In half of the rounds its death takes along what it
// has not synced.
func killProcess(s *Subject, r *rand.Rand) error {
	return s.killProcessOf(r, errand{Volatile: r.IntN(2) == 0})
}

func (s *Subject) killProcessOf(r *rand.Rand, e errand) error {
	t := begin(s, r)
	e.Dir, e.Sync, e.Interval = s.Dir(), seglog.Sync(r.IntN(3)), time.Duration(1+r.IntN(20))*time.Millisecond
	for life := range 3 + r.IntN(3) {
		e.SegmentSize, e.Window = 64<<10<<r.IntN(2), 1+r.IntN(12)
		if err := t.killedLife(r, &e); err != nil {
			return fmt.Errorf("sync %v, volatile %v, life %d: %w", e.Sync, e.Volatile, life, err)
		}
	}
	return nil
}

// killedLife runs a process until it has confirmed some batches, kills it, and opens what it leaves.
func (t *story) killedLife(r *rand.Rand, e *errand) error {
	e.Big, e.Legs, e.Seed, e.Floor, e.Most = t.big, t.legs, r.Uint64(), t.floor, t.written
	c, err := t.spawn(e)
	if err != nil {
		return err
	}
	enough := []int{0, 1, 1 + r.IntN(30), 1 + r.IntN(400)}[r.IntN(4)]
	lived, err := c.watch(enough)
	if err != nil {
		return err
	}
	if lived.open {
		t.script = t.from(lived.from, e.Seed)
		t.written = lived.from + 1<<20 // nobody knows how many it has appended
		if t.floor = max(t.floor, lived.durable); !e.Volatile || e.Sync == seglog.SyncAlways {
			t.floor = max(t.floor, lived.confirmed)
		}
	}
	o := e.options()
	st, m, err := t.open(o)
	if err != nil {
		return err
	}
	if err := t.shut(st); err != nil {
		return violated("%v", err)
	}
	t.written, t.floor = m.position, m.position // closed, it is on the disk
	return nil
}

// child is a process that was sent on an errand.
type child struct {
	cmd    *exec.Cmd
	lines  *bufio.Scanner
	limit  *time.Timer
	end    func() // ends it
	failed error  // of end
}

func (s *Subject) spawn(e *errand) (*child, error) {
	what, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(s.Child[0], s.Child[1:]...)
	cmd.Stdin, cmd.Stderr = strings.NewReader(string(what)), os.Stderr
	cmd.Env = append(os.Environ(), childMark+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	end := func() { cmd.Process.Kill() }
	return &child{cmd: cmd, lines: bufio.NewScanner(out), limit: time.AfterFunc(s.patience(), end), end: end}, nil
}

// childMark is in the environment of a child, so that a test binary knows what it is to be.
const childMark = "PENSTOCK_CRASHTEST_CHILD"

// IsChild tells whether this process is to call ChildMain.
func IsChild() bool { return os.Getenv(childMark) != "" }

// lived is what a process has said before its end.
type lived struct {
	open                     bool
	from, confirmed, durable uint64
}

// watch ends the process when it has confirmed so many batches, with 0 in its opening, and reads what it has said until then.
func (c *child) watch(enough int) (l lived, err error) {
	defer c.limit.Stop()
	heard := 0
	for c.lines.Scan() {
		line := c.lines.Text()
		kind, rest, _ := strings.Cut(line, " ")
		switch kind {
		case "opening":
			if enough == 0 {
				c.end()
			}
			continue
		case "open":
			l.open = true
			_, err = fmt.Sscan(rest, &l.from)
			l.confirmed = l.from
		case "confirmed":
			_, err = fmt.Sscan(rest, &l.confirmed)
			if heard++; heard == enough {
				c.end()
			}
		case "durable":
			_, err = fmt.Sscan(rest, &l.durable)
		case "wrong:":
			err = errors.New(rest)
		}
		if err != nil {
			break
		}
	}
	c.cmd.Process.Kill()
	c.cmd.Wait()
	if err == nil {
		err = c.failed
	}
	if err == nil && heard < enough {
		err = violated("the process has confirmed %d batches when it ended, want %d", heard, enough)
	}
	return l, err
}
