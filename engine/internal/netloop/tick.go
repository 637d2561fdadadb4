package netloop

import "time"

// now is the engine's clock: monotonic, from its start.
func (e *Engine) now() time.Duration { return time.Since(e.start) }

// tick asks every loop for a tick. A loop that is late gets one, not as many as it missed.
func (e *Engine) tick(every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			for _, l := range e.loops {
				l.lag.posted(e.now())
				l.want(wantTick)
			}
		case <-e.quit:
			return
		}
	}
}
