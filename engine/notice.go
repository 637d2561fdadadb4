package engine

import (
	"log/slog"
	"sync/atomic"
	"time"
)

// notice is something that happens so often, once it does, that the log tells of it now and then only. Counters have it
// all.
type notice uint8

// The notices, with their levels and words.
const (
	noticeStoreLost    notice = iota // a batch failed
	noticeStoreFull                  // a message was refused or dropped, the store has no room
	noticeStoreFailed                // something was refused, the store has failed
	noticeQueueRefused               // a publisher was turned away because of a full queue
	noticeTotalFull                  // all queues together are full
	noticeOffline                    // a session ended because of session.max_offline_sessions or _age
	noticeLoad                       // queued messages could not be read from the store
	notices
)

var noticeTexts = [notices]struct {
	level slog.Level
	text  string
}{
	{slog.LevelError, "the store has lost what it was to keep"},
	{slog.LevelWarn, "the store has no room: messages that it would have to keep are refused"},
	{slog.LevelError, "the store has failed: what it would have to keep is refused"},
	{slog.LevelWarn, "publishers are refused: a queue that they publish to is full"},
	{slog.LevelWarn, "queued messages give way: there are too many over all sessions"},
	{slog.LevelWarn, "sessions end that were without a connection for long"},
	{slog.LevelError, "queued messages cannot be read from the store: they wait"},
}

// noticePause is for how long a notice is not repeated.
const noticePause = 10 * time.Second

// noticed is a notice's state: its times are the broker's, so that several loops do not say the same.
type noticed struct {
	next  atomic.Int64 // when it may be said again, on the machine's clock since the broker began
	times atomic.Uint64
}

// notice logs something, unless that was done a short while ago. times is how often it has happened since the start.
func (l *loop) notice(n notice, attrs ...any) {
	s := &l.b.noticed[n]
	times := s.times.Add(1)
	now, next := int64(time.Since(l.b.began)), s.next.Load()
	if now < next || !s.next.CompareAndSwap(next, now+int64(noticePause)) {
		return
	}
	t := &noticeTexts[n]
	l.log.Log(l.b.ctx, t.level, t.text, append(attrs, "times", times)...)
}
