package crashtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store/seglog"
)

// image is an ext4 file system in a file. A copy of the file is what a power cut would leave: what the kernel has not written
// to the device is not in it.
type image struct {
	file, dir string
	device    string // a loop device, while it is mounted
}

// imageCommands are what an image takes, besides being root.
var imageCommands = []string{"mkfs.ext4", "losetup", "mount", "umount", "cp"}

// ImagesWork says why images cannot be mounted here; nil: they can.
func ImagesWork() error {
	if os.Geteuid() != 0 {
		return errors.New("only root can mount an image")
	}
	for _, name := range imageCommands {
		if _, err := exec.LookPath(name); err != nil {
			return err
		}
	}
	dir, err := os.MkdirTemp("", "image")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	m, err := newImage(dir)
	if err != nil {
		return err
	}
	return m.unmount()
}

func run(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// newImage makes an image and mounts it.
func newImage(dir string) (*image, error) {
	m := &image{file: filepath.Join(dir, "image"), dir: filepath.Join(dir, "mounted")}
	f, err := os.Create(m.file)
	if err != nil {
		return nil, err
	}
	f.Close()
	if err := os.Truncate(m.file, 64<<20); err != nil {
		return nil, err
	}
	if _, err := run("mkfs.ext4", "-q", "-F", m.file); err != nil {
		return nil, err
	}
	return m, m.mount()
}

func (m *image) mount() (err error) {
	if err := os.MkdirAll(m.dir, 0o700); err != nil {
		return err
	}
	if m.device, err = run("losetup", "-f", "--show", m.file); err != nil {
		return err
	}
	if _, err = run("mount", m.device, m.dir); err != nil {
		run("losetup", "-d", m.device)
	}
	return err
}

func (m *image) unmount() error {
	_, err := run("umount", m.dir)
	if _, late := run("losetup", "-d", m.device); err == nil {
		err = late
	}
	return err
}

// writes is how often something was written to the device.
func (m *image) writes() string {
	b, _ := os.ReadFile(filepath.Join("/sys/block", filepath.Base(m.device), "stat"))
	if f := strings.Fields(string(b)); len(f) > 4 {
		return f[4]
	}
	return ""
}

// copy copies the image as it is at one moment: once more if something was written meanwhile.
func (m *image) copy(to string) error {
	for range 20 {
		before := m.writes()
		if _, err := run("cp", "--sparse=always", m.file, to); err != nil {
			return err
		}
		if m.writes() == before {
			return nil
		}
	}
	return errors.New("the image does not hold still")
}

// cutImage runs a process on a real file system, stops it and copies the device: what is on the copy is what a power cut would
// have left.
func cutImage(s *Subject, r *rand.Rand) error { return s.cutImageOf(r, errand{}) }

func (s *Subject) cutImageOf(r *rand.Rand, e errand) (err error) {
	dir := s.Dir()
	m, err := newImage(dir)
	if err != nil {
		return err
	}
	defer func() {
		if late := m.unmount(); err == nil {
			err = late
		}
	}()
	t := begin(s, r)
	e.Dir, e.Sync, e.Interval = filepath.Join(m.dir, "store"), seglog.Sync(r.IntN(3)), time.Duration(1+r.IntN(20))*time.Millisecond
	for life := range 2 {
		e.SegmentSize, e.Window = 64<<10<<r.IntN(2), 1+r.IntN(12)
		if err := t.copiedLife(r, &e, m); err != nil {
			return fmt.Errorf("sync %v, life %d: %w", e.Sync, life, err)
		}
	}
	return nil
}

// copiedLife runs a process until it has confirmed some batches and opens what a power cut leaves then. The next life goes on
// from there.
func (t *story) copiedLife(r *rand.Rand, e *errand, m *image) error {
	e.Big, e.Legs, e.Seed, e.Floor, e.Most = t.big, t.legs, r.Uint64(), t.floor, t.written
	c, err := t.spawn(e)
	if err != nil {
		return err
	}
	after := m.file + ".cut"
	c.end = func() {
		// It may confirm no more while the device is copied; what it has said so far is in its pipe.
		c.cmd.Process.Signal(syscall.SIGSTOP)
		c.failed = m.copy(after)
		c.cmd.Process.Kill()
	}
	l, err := c.watch(1 + r.IntN(300))
	if err != nil {
		return err
	}
	if err := m.unmount(); err != nil {
		return err
	}
	if err := os.Rename(after, m.file); err != nil {
		return err
	}
	if err := m.mount(); err != nil {
		return err
	}
	t.script = t.from(l.from, e.Seed)
	t.written = l.from + 1<<20
	if t.floor = max(t.floor, l.durable); e.Sync == seglog.SyncAlways {
		t.floor = max(t.floor, l.confirmed)
	}
	st, at, err := t.open(e.options())
	if err != nil {
		return err
	}
	if err := t.shut(st); err != nil {
		return violated("%v", err)
	}
	t.written, t.floor = at.position, at.position
	return nil
}
