package transcript

import (
	"fmt"
	"testing"
)

// The broker crashes after the first, the second, each commit of an exchange in which publisher and subscribers keep the
// state that the specification asks of them. Whenever it was, what was acknowledged arrives: QoS 2 once, QoS 1 at least
// once, each in its order.
func TestACrashAtAnyCommitKeepsThePromises(t *testing.T) {
	for name, plan := range map[string]plan{
		"one loop":                  {},
		"two loops":                 {subscriber: 1},
		"the subscriber reconnects": {subscriber: 1, reconnects: true},
		"the subscriber hops":       {subscriber: 1, reconnects: true, hops: true},
		"the publisher hops":        {publisherHops: true},
		"everybody hops":            {publisherHops: true, reconnects: true, hops: true},
		"one at a time":             {subscriber: 1, window: 1, spaced: true, reconnects: true, hops: true},
		"a shared subscription":     {subscriber: 1, shared: true, spaced: true},
		"a shared one that hops":    {subscriber: 1, shared: true, reconnects: true, hops: true, window: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for commits := 0; plan.play(t, commits); commits++ {
			}
		})
	}
}

// plan is where the clients are and what they do in the middle of it.
type plan struct {
	subscriber    int // loop
	reconnects    bool
	hops          bool // to the other loop
	publisherHops bool
	spaced        bool // a message before each commit, instead of all before the first
	shared        bool // with a second member
	window        int  // Receive Maximum of the subscribers; 0: none
}

// play lets so many commits happen before the crash; more tells that there would have been others.
func (v plan) play(t *testing.T, commits int) (more bool) {
	s := newScenario(t)
	defer s.end()
	s.at = fmt.Sprintf("crash after %d commits", commits)
	loops := []int{v.subscriber}
	if v.shared {
		loops = append(loops, 0)
	}
	c := newCast(s, 12, v.window, loops...)
	if !v.spaced {
		c.publish(sent)
	}
	s.settle()
	for i := range commits {
		c.publish(i)
		switch {
		case i != commits/2:
		case v.reconnects && v.hops:
			c.subs[0].connect(s, 1-v.subscriber, false)
		case v.reconnects:
			c.subs[0].connect(s, v.subscriber, false)
		}
		if i == commits/2 && v.publisherHops {
			c.pub.connect(s, 1, false)
		}
		s.settle()
		more = s.rig.gate.step()
		s.settle()
	}
	more = more || commits == 0
	c.crash()
	c.finish(t, func() int { return 1 - v.subscriber })
	return (more || v.spaced && commits <= sent) && !t.Failed()
}
