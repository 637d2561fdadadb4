package transcript

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// scenario is one file on its way: a broker, the clients by name, and what the present block has given.
type scenario struct {
	t       *testing.T
	at      string // file and line, for failures
	rig     *rig
	mem     *store.Memory // for store=given
	variant variant
	placed  int // clients that were spread
	clients []*client
	out     []string
}

func newScenario(t *testing.T) *scenario { return &scenario{t: t} }

func (s *scenario) end() {
	if s.rig != nil {
		s.leave()
		s.rig.checkLeaks()
		s.rig.stop()
	}
}

// fatalf ends the scenario and says where it was.
func (s *scenario) fatalf(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("%s: %s", s.at, fmt.Sprintf(format, args...))
}

func (s *scenario) say(format string, args ...any) {
	s.out = append(s.out, fmt.Sprintf(format, args...))
}

// block runs the commands of a block and returns what came back: what the broker's commands say, then client by client
// what each received.
func (s *scenario) block(file string, line int, commands []string) []string {
	s.out = nil
	code := false
	for i, c := range commands {
		if strings.HasPrefix(c, "#") {
			continue
		}
		code = true
		s.at = fmt.Sprintf("%s:%d: %s", file, line+i, c)
		s.command(c)
		s.settle()
	}
	for _, c := range s.clients {
		for _, l := range c.lines {
			s.say("%s< %s", c.name, l)
		}
		c.lines = nil
	}
	s.clients = slices.DeleteFunc(s.clients, func(c *client) bool { return c.state == over })
	if code && len(s.out) == 0 {
		s.say("nothing")
	}
	return s.out
}

var addressed = regexp.MustCompile(`^(\w+)(?:@(\d))?: *(.*)$`)

func (s *scenario) command(text string) {
	if m := addressed.FindStringSubmatch(text); m != nil {
		s.client(m[1], m[2], m[3])
		return
	}
	a := parse(s, text)
	if a.verb == "broker" {
		s.end()
		s.clients = nil
		s.rig = newRig(s, a)
		return
	}
	if s.rig == nil {
		s.rig = newRig(s, args{})
	}
	s.rig.command(a)
}

// client runs the commands of one client; packets joined by a bar go out in one write.
func (s *scenario) client(name, loop, text string) {
	if s.rig == nil {
		s.rig = newRig(s, args{})
	}
	i := slices.IndexFunc(s.clients, func(c *client) bool { return c.name == name && c.state != over })
	var c *client
	if i >= 0 {
		c = s.clients[i]
	}
	var bytes []byte
	for part := range strings.SplitSeq(text, " | ") {
		a := parse(s, part)
		if a.verb == "connect" || a.verb == "open" {
			if c != nil {
				if bytes = append(bytes, c.encode(a)...); a.flag("again") {
					continue
				}
				s.fatalf("client %s is connected", name)
			}
			c = newClient(s, name, loop, a)
			s.add(c)
		}
		switch {
		case c != nil:
		case s.wasHere(name) && (a.verb == "await" || a.verb == "connack" || a.verb == "sync"):
			return // what it would wait for has come: the end
		default:
			s.fatalf("no client %s", name)
		}
		if !c.control(a) {
			bytes = append(bytes, c.encode(a)...)
		}
		c.wait = c.wait || a.verb == "connect" && !a.flag("nowait") || a.verb == "auth" && !a.flag("nowait")
	}
	if len(bytes) > 0 {
		c.send(bytes)
	}
	if c.wait && c.state != over {
		c.wait = false
		c.await()
	}
}

// wasHere tells whether a client of that name was closed in this block.
func (s *scenario) wasHere(name string) bool {
	return slices.ContainsFunc(s.clients, func(c *client) bool { return c.name == name })
}

// add gives a client its place: behind an earlier one of the name.
func (s *scenario) add(c *client) {
	for i := len(s.clients) - 1; i >= 0; i-- {
		if s.clients[i].name == c.name {
			s.clients = slices.Insert(s.clients, i+1, c)
			return
		}
	}
	s.clients = append(s.clients, c)
}

// settle carries everything through to its end: what clients sent is handled, what loops told each other too, and what
// clients were sent is read. Clients that answer by themselves make it begin again.
func (s *scenario) settle() {
	if s.rig == nil || s.rig.b == nil {
		return
	}
	for again := true; again; {
		s.collect()
		s.rig.barrier()
		again = s.collect()
	}
}

func (s *scenario) collect() (answered bool) {
	for _, c := range s.clients {
		if c.collect() {
			answered = true
		}
	}
	return answered
}

// leave closes all clients without a word.
func (s *scenario) leave() {
	for _, c := range s.clients {
		c.close()
	}
}
