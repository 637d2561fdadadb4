// Package tools tests command line clients against penstock: mosquitto's, our own, and one with the other.
package tools

import (
	"slices"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/scripts/realclients/rig"
)

// tool is a program that publishes and one that subscribes, with the same options in both families.
type tool struct {
	name     string
	pub, sub []string
}

func mosquitto() tool {
	// It writes to a pipe in blocks, so that "Subscribed" would come with the first message only.
	return tool{"mosquitto", []string{"mosquitto_pub"}, []string{"stdbuf", "-oL", "mosquitto_sub"}}
}

func penstock(t testing.TB) tool {
	program := rig.Program(t)
	return tool{"penstock", []string{program, "pub"}, []string{program, "sub"}}
}

// pair publishes with one tool and subscribes with the other.
type pair struct {
	at       []string // the arguments that say where the broker is
	pub, sub tool
}

func at(addr string) []string {
	host, port, _ := strings.Cut(addr, ":") // of loopback, in IPv4
	return []string{"-h", host, "-p", port}
}

// eachPair runs a test with either tool on either side, side by side on one broker.
func eachPair(t *testing.T, test func(t *testing.T, p pair)) {
	t.Helper()
	t.Parallel()
	eachPairAt(t, at(rig.Start(t).Addr), test)
}

func eachPairAt(t *testing.T, at []string, test func(t *testing.T, p pair)) {
	t.Helper()
	tools := []tool{mosquitto(), penstock(t)}
	for _, pub := range tools {
		for _, sub := range tools {
			t.Run(pub.name+" to "+sub.name, func(t *testing.T) {
				t.Parallel()
				test(t, pair{at, pub, sub})
			})
		}
	}
}

func (p pair) command(program, args []string) rig.Command {
	all := slices.Concat(program[1:], p.at, args)
	return rig.Command{Name: program[0], Args: all}
}

// Pub publishes and waits for the publisher's end. Unless another QoS is among the arguments it is 1: at QoS 0 the broker
// may still have the message before it when the next command is done.
func (p pair) Pub(t *testing.T, args ...string) {
	t.Helper()
	if !slices.Contains(args, "-q") {
		args = append([]string{"-q", "1"}, args...)
	}
	rig.Run(t, p.command(p.pub.pub, args))
}

// PubInput publishes what it is given on stdin.
func (p pair) PubInput(t *testing.T, stdin string, args ...string) {
	t.Helper()
	c := p.command(p.pub.pub, args)
	c.Stdin = stdin
	rig.Run(t, c)
}

// subscriber is a running subscribing tool.
type subscriber struct {
	*rig.Process
}

// Sub starts a subscriber and waits until it has its SUBACK. It runs with -d, whose lines are told apart from messages by
// how they begin.
func (p pair) Sub(t *testing.T, args ...string) subscriber {
	t.Helper()
	s := subscriber{rig.Spawn(t, p.command(p.sub.sub, append([]string{"-d"}, args...)))}
	s.Await("SUBACK", func(out string) bool { return strings.Contains(out, "\nSubscribed (mid: ") })
	return s
}

// RunSub runs a subscriber to its end, which its options must bring about, and returns the lines it printed.
func (p pair) RunSub(t *testing.T, args ...string) []string {
	t.Helper()
	return lines(rig.Run(t, p.command(p.sub.sub, args)))
}

// Want waits for as many messages as are wanted and compares them.
func (s subscriber) Want(t *testing.T, want ...string) {
	t.Helper()
	same(t, s.Messages(len(want)), want)
}

// Messages waits for n messages and returns what came. Whoever compares the order of messages of different QoS waits for each
// before the next is published: a subscriber may print one of QoS 2 when it is released only.
func (s subscriber) Messages(n int) []string {
	var got []string
	s.Await("messages", func(out string) bool {
		got = messages(out)
		return len(got) >= n
	})
	return got
}

// messages are the whole lines of a tool's output that are not of -d.
func messages(out string) []string {
	whole := out[:strings.LastIndexByte(out, '\n')+1]
	return slices.DeleteFunc(lines(whole), func(line string) bool {
		return line == "" || strings.HasPrefix(line, "Client ") || strings.HasPrefix(line, "Subscribed (mid: ") ||
			strings.HasPrefix(line, "Received DISCONNECT")
	})
}

func lines(out string) []string {
	if out == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(out, "\n"), "\n")
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("got %d messages:\n%s\nwant %d:\n%s", len(got), shown(got), len(want), shown(want))
	}
}

func shown(messages []string) string {
	if len(messages) > 40 {
		return strings.Join(messages[:20], "\n") + "\n…\n" + strings.Join(messages[len(messages)-20:], "\n")
	}
	return strings.Join(messages, "\n")
}

// topic is a topic that is the test's own on the broker it shares.
func topic(t *testing.T) string {
	return strings.NewReplacer("#", "", "+", "").Replace(strings.ReplaceAll(t.Name(), "_", "-"))
}

// id is a client identifier of the test's own, short enough for 3.1.
func id(t *testing.T, p pair) string { return p.pub.name[:4] + "-" + p.sub.name[:4] }
