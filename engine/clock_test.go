package engine

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// lives is a store and the brokers that live on it one after the other, each with a monotonic clock of its own and one
// clock of the machine, which the test moves.
type lives struct {
	*relay
	mono   *steered
	wall   atomic.Int64 // milliseconds since 1970
	log    logbook
	doubts uint64 // counted in those that have ended
}

var today = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

func newLives(t *testing.T) *lives {
	return &lives{relay: &relay{t: t, cfg: settings(), mem: store.NewMemory()}}
}

// begin starts a broker on the store.
func (v *lives) begin(wall time.Time) {
	v.t.Helper()
	v.mono = &steered{}
	mono := v.mono
	v.wall.Store(wall.UnixMilli())
	v.Broker = unstarted(v.t, v.cfg, Parts{
		Store: v.mem, Clock: mono.now, Logger: slog.New(slog.NewTextHandler(&v.log, nil)),
		Wall: func() time.Time { return time.UnixMilli(v.wall.Load()) },
	})
	if err := v.Start(); err != nil {
		v.t.Fatal(err)
	}
	v.addr = address(v.Broker, 0)
}

// pass lets time go by for both clocks.
func (v *lives) pass(d time.Duration) {
	v.t.Helper()
	v.mono.forward(d)
	v.wall.Add(d.Milliseconds())
	passed(v.t, v.Broker, v.mono.now()+time.Second)
}

// jump sets the machine's clock.
func (v *lives) jump(d time.Duration) {
	v.t.Helper()
	v.wall.Add(d.Milliseconds())
	v.pass(2 * time.Second) // the broker looks at it
}

// end stops the broker; kill leaves of it what was committed.
func (v *lives) end() {
	v.t.Helper()
	stop(v.t, v.Broker)
	v.mem = v.mem.Reopen()
	v.doubts += v.Stats().ClockDoubts
}

func (v *lives) kill() {
	v.t.Helper()
	until(v.t, "the commits", func() bool { return inventory(v.t, v.Broker).Uncommitted == 0 })
	v.mem = v.mem.Reopen()
	stop(v.t, v.Broker)
	v.doubts += v.Stats().ClockDoubts
}

// prepare leaves in the store what has 1000 seconds left, and a session and a will with 200.
func (v *lives) prepare() {
	v.t.Helper()
	lasts := func(seconds uint32) func(*mqtt.Connect) {
		return func(p *mqtt.Connect) { p.Props.SessionExpiry = seconds }
	}
	sub := v.join("sub")
	sub.subscribe(0, 1, "q")
	_, _, _ = sub.Close(), v.join("short", lasts(200)).Close(), v.join("willing", lasts(5000), willing(200, true)).Close()
	until(v.t, "the ends", func() bool { return inventory(v.t, v.Broker).Connections == 0 })
	pub := v.join("pub", fleeting)
	for i, topic := range []string{"q", "r"} {
		pub.publish(topic, "x", 1, uint16(i+1), func(p *mqtt.Publish) {
			p.Props.MessageExpiry, p.Retain = 1000, topic == "r"
			p.Props.Set(mqtt.PropMessageExpiry)
		})
		pub.expect(fmt.Sprintf("puback #%d", i+1))
	}
	goWith(pub)
	goWith(v.join("online", lasts(200))) // until the end
	until(v.t, "its record", func() bool { return inventory(v.t, v.Broker).Uncommitted == 0 })
}

// left tells how many seconds are left of what had 1000, and whether what had 200 is still there.
func (v *lives) left() (message, retained, session int, short, online, will bool) {
	v.t.Helper()
	value, _ := v.retained.Get([]byte("r"), nil)
	if len(value) > 0 {
		retained = int((time.Duration(binary.BigEndian.Uint64(value[1:])) - v.now()) / time.Second)
	}
	_, waits := v.retained.Get([]byte("will"), nil)
	for i := range v.loops {
		onLoop(v.t, v.Broker, i, func(l *loop) {
			for _, chunk := range l.table {
				for _, s := range chunk {
					switch {
					case s == nil:
					case s.ClientID == "sub":
						session = int(l.endsAt(s)-l.tick) / int(tickSecond)
					case s.ClientID == "short":
						short = true
					case s.ClientID == "online":
						online = true
					}
				}
			}
		})
	}
	w := v.join("sub")
	defer goWith(w)
	w.say(mqtt.AppendPingreq(nil))
	if s := w.hear(); strings.HasPrefix(s, "publish") {
		fmt.Sscanf(s[strings.Index(s, "expiry"):], "expiry %d", &message)
	}
	return message, retained, session, short, online, waits
}

func TestTimeGoesOnOverRestartsAsFarAsTheClockCanBeBelieved(t *testing.T) {
	const hour, year = time.Hour, 365 * 24 * time.Hour
	boot := time.Unix(40, 0)
	for _, c := range []struct {
		name   string
		live   func(v *lives)
		taken  int // seconds off the thousand
		short  bool
		online bool // the session that was connected at the end of the first life
		will   bool // was published
		doubts uint64
	}{
		{"one life", func(v *lives) { v.pass(150 * time.Second) }, 150, true, true, false, 0},
		{"a stop and a start at once", func(v *lives) { v.end(); v.begin(today) }, 0, true, true, false, 0},
		{"a broker that was down", func(v *lives) {
			v.end()
			v.begin(today.Add(300 * time.Second))
		}, 300, false, false, true, 0},
		{"a broker that was killed, and down", func(v *lives) {
			v.kill()
			v.begin(today.Add(300 * time.Second))
		}, 300, false, true, true, 0}, // who was connected has all his time
		{"killed long after the last record", func(v *lives) {
			v.pass(100 * time.Second)
			v.kill()
			v.begin(today.Add(150 * time.Second))
		}, 150, true, true, false, 0},
		{"down three times", func(v *lives) {
			for i := range 3 {
				v.end()
				v.begin(today.Add(time.Duration(i+1) * 100 * time.Second))
				v.pass(0)
			}
		}, 300, false, false, true, 0},
		{"down for longer than anything lasts", func(v *lives) { v.end(); v.begin(today.Add(hour)) }, 1000, false, false, true, 0},
		{"a boot in 1970", func(v *lives) { v.end(); v.begin(boot) }, 0, true, true, false, 1},
		{"a boot in 1970, and set right later", func(v *lives) {
			v.kill()
			v.begin(boot)
			v.pass(100 * time.Second)
			v.jump(today.Add(hour).Sub(boot))
			v.pass(20 * time.Second)
			v.end()
			v.begin(today.Add(hour + 172*time.Second)) // 50 s after it ended
		}, 172, true, true, false, 2},
		{"a wrong clock at the start in between", func(v *lives) {
			v.end()
			v.begin(boot)
			v.pass(10 * time.Second)
			v.end()
			v.begin(today.Add(hour))
		}, 10, true, true, false, 1},
		{"a jump forward by 50 years", func(v *lives) {
			v.jump(50 * year)
			v.pass(10 * time.Second)
		}, 12, true, true, false, 1},
		{"a jump forward by 50 years, and a start with the right clock", func(v *lives) {
			v.jump(50 * year)
			v.end()
			v.begin(today.Add(20 * time.Second))
		}, 2, true, true, false, 2},
		{"a start 50 years ahead", func(v *lives) {
			v.end()
			v.begin(today.Add(50 * year))
			v.pass(10 * time.Second)
			v.end()
			v.begin(today.Add(hour)) // set right meanwhile
		}, 10, true, true, false, 2},
		{"a jump back", func(v *lives) {
			v.jump(-year / 2)
			v.pass(10 * time.Second)
			v.end()
			v.begin(today.Add(-year/2 + 62*time.Second)) // 50 s after it ended
		}, 62, true, true, false, 1},
		{"a start before the end", func(v *lives) { v.end(); v.begin(today.Add(-hour)) }, 0, true, true, false, 1},
		{"a start a moment before the end", func(v *lives) { v.end(); v.begin(today.Add(-3 * time.Second)) }, 0, true, true, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := newLives(t)
			v.begin(today)
			v.prepare()
			c.live(v)
			v.pass(time.Second) // what is due, is
			message, retained, session, short, online, will := v.left()
			want := max(1000-c.taken-1, 0)
			near := func(got int) bool { return got >= want-1 && got <= want+2 }
			if !near(message) || !near(retained) && want > 0 || !near(session) && want > 0 {
				t.Errorf("left of 1000 s: message %d, retained message %d, session %d, want %d", message, retained, session, want)
			}
			if short != c.short || online != c.online || will != c.will {
				t.Errorf("session of 200 s %v, of a client that was there %v, will after 200 s %v; want %v %v %v", short, online, will, c.short, c.online, c.will)
			}
			v.end()
			if n := strings.Count(v.log.String(), "the machine's clock"); uint64(n) != c.doubts || v.doubts != c.doubts {
				t.Errorf("the log tells %d times of the clock, the counters %d times, want %d:\n%s", n, v.doubts, c.doubts, &v.log)
			}
		})
	}
}
