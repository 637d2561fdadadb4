package crashtest

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
)

func (t *tiny) Append(b *store.Batch, done func(error)) bool {
	if !t.put(tinyJob{batch: b, done: done}) {
		go done(store.ErrClosed)
	}
	return false
}

func (t *tiny) Load(refs []store.Ref, done func([]store.Message, error)) {
	load := func(err error) {
		if err != nil {
			done(nil, err)
			return
		}
		t.mem.Load(refs, func(got []store.Message, err error) {
			if t.flaws.wrongLoad && len(got) > 1 {
				got[0], got[1] = got[1], got[0]
			}
			done(got, err)
		})
	}
	if !t.put(tinyJob{load: load}) {
		done(nil, store.ErrClosed)
	}
}

func (t *tiny) put(j tinyJob) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.jobs = append(t.jobs, j)
	t.poke()
	return true
}

func (t *tiny) poke() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

func (t *tiny) take() (jobs []tinyJob, closed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	jobs, t.jobs = t.jobs, nil
	return jobs, t.closed
}

func (t *tiny) run() {
	defer close(t.ended)
	for {
		jobs, closed := t.take()
		if len(jobs) == 0 {
			if closed {
				break
			}
			<-t.wake
			continue
		}
		if n := len(jobs); t.flaws.mixesUp && n > 1 {
			jobs[n-1], jobs[n-2] = jobs[n-2], jobs[n-1]
		}
		for _, j := range jobs {
			if j.load != nil {
				j.load(t.failure)
				continue
			}
			if t.flaws.earlyDone {
				j.done(nil)
			}
			err := t.commit(j.batch)
			if err != nil && t.flaws.silent || t.flaws.earlyDone {
				continue
			}
			j.done(err)
		}
	}
	for t.failure != nil && t.flaws.hangs {
		time.Sleep(time.Hour)
	}
	if t.failure == nil {
		t.file.Sync()
	}
	if t.file != nil {
		t.file.Close()
	}
	t.lock.Close()
}

var errDropped = errors.New("dropped")

func (t *tiny) commit(b *store.Batch) error {
	if t.failure != nil {
		return t.failure
	}
	err := t.write(t.encode(b.Bytes()))
	if err == errDropped {
		return nil
	}
	if err == nil {
		t.mem.Append(b, nil)
		if t.size > t.base+t.o.SegmentSize/2 {
			err = t.begin()
		}
	}
	if t.flaws.deaf {
		return nil
	}
	if err != nil {
		t.mu.Lock()
		t.failure = err
		t.mu.Unlock()
	}
	return err
}

func (t *tiny) write(b []byte) error {
	at := t.size
	for {
		n, err := t.file.WriteAt(b, at)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.ENOSPC) || t.flaws.failsWhenFull {
			return err
		}
		if t.flaws.dropsWhenFull {
			return errDropped
		}
		if t.flaws.noRoomLost {
			at += int64(n)
			t.size += int64(n)
		}
		if !t.waitForRoom() {
			return store.ErrClosed
		}
	}
	t.mu.Lock()
	t.full = false
	t.stats.LSN++
	t.mu.Unlock()
	t.size += int64(len(b))
	t.next++
	if t.flaws.noSync || t.o.Sync == seglog.SyncNone || t.o.Sync == seglog.SyncInterval && t.next%10 > 0 {
		return nil
	}
	err := t.file.Sync()
	if err != nil && t.flaws.syncAgain {
		err = t.file.Sync()
	}
	if err == nil {
		t.mu.Lock()
		t.stats.DurableLSN = t.stats.LSN
		t.mu.Unlock()
	}
	return err
}

func (t *tiny) waitForRoom() bool {
	t.mu.Lock()
	t.full = true
	closed := t.closed
	t.mu.Unlock()
	select {
	case <-t.wake:
	case <-time.After(time.Millisecond):
	}
	t.poke()
	return !closed
}

func (t *tiny) Pressure() store.Pressure {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.failure != nil:
		return store.Failed
	case t.full:
		return store.Full
	}
	return store.Ok
}

func (t *tiny) Stats() store.Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stats
}

func (t *tiny) Close(ctx context.Context) error {
	t.mu.Lock()
	t.closed = true
	t.poke()
	t.mu.Unlock()
	select {
	case <-t.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
