package enginetest

import "fmt"

// sweep takes what the run left on a foreign broker off it: sessions that were to be kept, and retained messages.
func (h *hall) sweep() {
	t := newT(h.outer, Case{Version: "v311"}, h)
	for id, level := range h.sessions {
		t.connect(Connect{ID: id, Level: level}).disconnect()
	}
	c := t.connect(Connect{ID: t.id("sweep")})
	for n := range t.n {
		c.subscribe(fmt.Sprintf("%s-%03x/#", h.run, n), 0)
	}
	for _, m := range c.messages(c) {
		c.publish(Message{Topic: m.Topic, Retain: true, QoS: 1})
	}
	c.disconnect()
}
