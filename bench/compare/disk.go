package compare

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/penstock-mqtt/penstock/bench/internal/human"
)

// Disk is what brokers keep their data on. What durability costs is mostly what a sync costs there.
type Disk struct {
	FileSystem string        `json:"fileSystem,omitempty"` // its type, when the system tells
	Device     string        `json:"device,omitempty"`
	SyncP50    time.Duration `json:"syncP50"` // nanoseconds: to write 4 KB over old ones and have them synced
	SyncP99    time.Duration `json:"syncP99"`
}

// probe looks at the disk of a folder, the one for temporary files when none is named.
func probe(dir string) (*Disk, error) {
	dir = cmp.Or(dir, os.TempDir())
	f, err := os.CreateTemp(dir, "penstock-compare-sync-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	const page, pages, times = 4 << 10, 16, 200
	if _, err := f.Write(make([]byte, page*pages)); err != nil {
		return nil, err
	}
	block, took := make([]byte, page), make([]time.Duration, times)
	for i := range took {
		block[0] = byte(i)
		from := time.Now()
		if _, err := f.WriteAt(block, int64(i%pages*page)); err != nil {
			return nil, err
		}
		if err := f.Sync(); err != nil {
			return nil, err
		}
		took[i] = time.Since(from)
	}
	slices.Sort(took)
	d := &Disk{SyncP50: took[times/2], SyncP99: took[times*99/100]}
	if path, err := filepath.EvalSymlinks(dir); err == nil {
		if path, err = filepath.Abs(path); err == nil {
			d.FileSystem, d.Device = mounted(path)
		}
	}
	return d, nil
}

// mounted finds type and source of the file system that a path is on, as far as the system lists what is mounted.
func mounted(path string) (kind, source string) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", ""
	}
	best := -1
	for line := range strings.Lines(string(text)) {
		// 36 35 98:0 / /mnt rw,noatime shared:1 - ext4 /dev/sda1 rw
		before, after, _ := strings.Cut(line, " - ")
		on, of := strings.Fields(before), strings.Fields(after)
		if len(on) < 5 || len(of) < 2 {
			continue
		}
		at := on[4]
		if path != at && at != "/" && !strings.HasPrefix(path, at+"/") || len(at) < best {
			continue
		}
		best, kind, source = len(at), of[0], of[1]
	}
	return kind, source
}

func (d *Disk) inMemory() bool {
	return d != nil && (d.FileSystem == "tmpfs" || d.FileSystem == "ramfs")
}

// String says it in a line.
func (d *Disk) String() string {
	where := strings.TrimSpace(d.FileSystem + " " + d.Device)
	return fmt.Sprintf("data directories: on %s; to write and sync 4 KB took p50 %s, p99 %s before it began",
		cmp.Or(where, "a file system of unknown kind"), human.Duration(d.SyncP50), human.Duration(d.SyncP99))
}
