package compare

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"
	"time"

	"github.com/penstock-mqtt/penstock/bench"
)

// servesAgainWithin is how long a broker has to read its state back.
const servesAgainWithin = 5 * time.Minute

// restart ends the broker, kindly or not, and starts it on the same state and ports.
func (p *process) restart(ctx context.Context, kindly bool) (bench.Restarted, error) {
	var r bench.Restarted
	if over := p.over(); over != nil {
		return r, over
	}
	end := p.kill
	if kindly {
		end = func() error { return p.end(servesAgainWithin) }
	}
	if err := end(); err != nil {
		return r, err
	}
	r.Data = onDisk(p.data())
	from := time.Now()
	if err := p.launch(); err != nil {
		return r, err
	}
	if err := p.ready(ctx, servesAgainWithin); err != nil {
		return r, fmt.Errorf("%w%s", err, p.words())
	}
	r.Took, r.PID = time.Since(from), p.cmd.Process.Pid
	return r, nil
}

// onDisk is how many bytes of the disk a folder takes.
func onDisk(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil // it went away meanwhile
		}
		if info, err := entry.Info(); err == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				n += st.Blocks * 512
			}
		}
		return nil
	})
	return n
}
