package netloop

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// gnetLogger takes gnet's log to slog. Its warnings are debug here: it writes one for every connection that was closed
// while an event of it was under way, which a mass disconnect turns into a flood. Errors pass once a second.
type gnetLogger struct {
	log  *slog.Logger
	last atomic.Int64
}

func (g *gnetLogger) Debugf(format string, args ...any) { g.write(slog.LevelDebug, format, args) }
func (g *gnetLogger) Infof(format string, args ...any)  { g.write(slog.LevelDebug, format, args) }
func (g *gnetLogger) Warnf(format string, args ...any)  { g.write(slog.LevelDebug, format, args) }

func (g *gnetLogger) Errorf(format string, args ...any) {
	now := time.Now().UnixNano()
	last := g.last.Load()
	if now-last < int64(time.Second) || !g.last.CompareAndSwap(last, now) {
		g.write(slog.LevelDebug, format, args)
		return
	}
	g.write(slog.LevelError, format, args)
}

// Fatalf is an error like others: a library does not end the process.
func (g *gnetLogger) Fatalf(format string, args ...any) { g.write(slog.LevelError, format, args) }

func (g *gnetLogger) write(level slog.Level, format string, args []any) {
	if g.log.Enabled(background, level) {
		g.log.Log(background, level, "gnet", "text", fmt.Sprintf(format, args...))
	}
}
