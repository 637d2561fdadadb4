package transcript

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// command runs a command about the broker.
func (r *rig) command(a args) {
	switch a.verb {
	case "restart":
		r.restart()
	case "crash":
		r.crash()
	case "store":
		r.steer(a)
	case "advance":
		r.advance(a.duration(a.word(0)))
	case "stats":
		r.stats()
	case "publish":
		r.publish(a)
	case "kick":
		ok, err := r.b.Disconnect(context.Background(), a.word(0), mqtt.Reason(a.code(a.word(1))))
		r.s.say("kick: %v %v", ok, err)
	case "decide":
		r.desk.decide(a)
	case "forbid":
		r.acl.forbid(a.word(0))
	case "permit":
		r.acl.permit(a.word(0))
	default:
		r.s.fatalf("unknown command %q", a.verb)
	}
}

// restart stops the broker, which clients are told, and starts another on its store.
func (r *rig) restart() {
	r.closeSpare()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		r.stop()
	}()
	for _, c := range r.s.clients {
		c.readOut()
	}
	<-stopped
	if r.mem != nil {
		r.mem = r.mem.Reopen()
	}
	r.start()
}

// crash takes the store away as it is, which is all that a killed process leaves.
func (r *rig) crash() {
	if r.mem != nil {
		r.gate.kill()
		r.mem = r.mem.Reopen()
	}
	r.s.leave()
	r.stop()
	r.start()
}

func (r *rig) steer(a args) {
	if r.mem == nil {
		r.s.fatalf("the broker has no store")
	}
	switch a.word(0) {
	case "step":
		switch {
		case len(a.words) == 1:
			r.mem.Step(1)
		case a.words[1] == "all":
			r.mem.Step(r.mem.Waiting())
		default:
			r.mem.Step(a.atoi(a.words[1]))
		}
	case "run":
		r.mem.Run()
	case "fail":
		r.failed = true
		r.mem.Fail(errors.New("no more room"))
	case "pressure":
		r.press(a.word(1))
	case "hold":
		r.gate.hold()
	case "load":
		r.s.say("loads: %d", r.gate.load())
	case "waiting":
		r.s.say("waiting: %d", r.mem.Waiting())
	default:
		r.s.fatalf("store %s?", a.words[0])
	}
}

// press makes the store say how it keeps up, and waits until the loops have asked it, as they do with their timers.
func (r *rig) press(how string) {
	for _, p := range []store.Pressure{store.Ok, store.Slow, store.Full} {
		if p.String() == how {
			r.mem.SetPressure(p)
			r.advance(2 * time.Second)
			return
		}
	}
	r.s.fatalf("store pressure %s?", how)
}

// advance lets time pass. Each loop gets a client that must keep itself alive and does not: when the loop has ended it, it
// is at its timers, and the barrier that follows each command sees them done.
func (r *rig) advance(d time.Duration) {
	keepAlive := max(time.Second, r.cfg.Limits.ServerKeepAlive)
	if least := keepAlive*3/2 + 200*time.Millisecond; d < least { // ticks are rounded
		r.s.fatalf("advance by at least %v", least)
	}
	var sentinels []*client
	for loop := range r.cfg.Loops {
		c := newClient(r.s, fmt.Sprintf("sentinel%d", loop), fmt.Sprint(loop), args{s: r.s})
		c.send(c.encode(parse(r.s, "connect v311 keepalive=1")))
		c.await()
		sentinels = append(sentinels, c)
	}
	r.now.Add(int64(d))
	for _, c := range sentinels {
		c.readOut()
	}
}

// stats prints the counters that tell what is left and what was dropped.
func (r *rig) stats() {
	st := r.b.Stats()
	r.s.say("online %d, sessions %d, subscriptions %d, retained %d, panics %d",
		st.ClientsConnected, st.Sessions, st.Subscriptions, st.Retained, st.Panics)
	for _, k := range sorted(st.Dropped) {
		r.s.say("dropped %s: %d", k, st.Dropped[k])
	}
	for _, k := range sorted(st.SessionsEnded) {
		r.s.say("ended %s: %d", k, st.SessionsEnded[k])
	}
}

func sorted(m map[string]uint64) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return slices.Clip(keys)
}

func (r *rig) publish(a args) {
	err := r.b.Publish(context.Background(), engine.Message{
		Topic: []byte(a.word(0)), Payload: []byte(a.word(1)), QoS: uint8(a.number("qos", 0)), Retain: a.flag("retain"),
	})
	if err != nil {
		r.s.say("publish: %v", err)
	}
}
