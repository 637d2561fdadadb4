package tools

import (
	"slices"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/scripts/realclients/rig"
)

func TestWildcards(t *testing.T) {
	eachPair(t, func(t *testing.T, p pair) {
		root := topic(t)
		subscribers := map[string]subscriber{}
		for _, filter := range []string{"/#", "/+", "/+/b", "/a/+", "/a/#", "/a", "//b", "/+/+/+"} {
			subscribers[filter] = p.Sub(t, "-q", "1", "-t", root+filter, "-t", root+"/last/one/of/all", "-F", "%t")
		}
		for _, name := range []string{"/a", "/a/b", "/a/b/c", "//b", "/z", "", "/last/one/of/all"} {
			p.Pub(t, "-q", "1", "-t", root+name, "-m", "x")
		}
		for filter, want := range map[string]string{
			"/#":     "/a /a/b /a/b/c //b /z  /last/one/of/all",
			"/+":     "/a /z /last/one/of/all",
			"/+/b":   "/a/b //b /last/one/of/all",
			"/a/+":   "/a/b /last/one/of/all",
			"/a/#":   "/a /a/b /a/b/c /last/one/of/all",
			"/a":     "/a /last/one/of/all",
			"//b":    "//b /last/one/of/all",
			"/+/+/+": "/a/b/c /last/one/of/all",
		} {
			var names []string
			for _, name := range strings.Split(want, " ") {
				names = append(names, root+name)
			}
			got := subscribers[filter]
			got.Await("the last topic", func(out string) bool { return slices.Contains(messages(out), root+"/last/one/of/all") })
			if have := messages(got.Out()); !slices.Equal(slices.Compact(have), names) {
				t.Errorf("filter %s got %q, want %q", filter, have, names)
			}
		}
	})
}

func TestUnsubscribedAndFilteredOutTopicsStayAway(t *testing.T) {
	eachPair(t, func(t *testing.T, p pair) {
		topic := topic(t)
		s := p.Sub(t, "-q", "1", "-t", topic+"/a", "-t", topic+"/b/#", "-U", topic+"/a", "-T", topic+"/b/noise", "-v", "-C", "1")
		s.Await("UNSUBACK", func(out string) bool { return strings.Contains(out, "received UNSUBACK") })
		for _, name := range []string{"/a", "/b/noise", "/b/signal"} {
			p.Pub(t, "-q", "1", "-t", topic+name, "-m", "x")
		}
		s.Want(t, topic+"/b/signal x")
	})
}

// -L names host, port and topic in one.
func TestURLs(t *testing.T) {
	eachPair(t, func(t *testing.T, p pair) {
		topic := topic(t)
		url := "mqtt://" + p.at[1] + ":" + p.at[3] + "/" + topic
		run := func(program []string, args ...string) rig.Command {
			return rig.Command{Name: program[0], Args: slices.Concat(program[1:], args)}
		}
		rig.Run(t, run(p.pub.pub, "-L", url, "-r", "-m", "by url"))
		if got := rig.Run(t, run(p.sub.sub, "-L", url, "-v", "-C", "1")); got != topic+" by url\n" {
			t.Errorf("got %q", got)
		}
	})
}

// 5.0's subscription options and identifiers, as far as the tools set them.
func TestSubscriptionIdentifiers(t *testing.T) {
	eachPair(t, func(t *testing.T, p pair) {
		topic := topic(t)
		s := p.Sub(t, "-V", "5", "-q", "1", "-D", "subscribe", "subscription-identifier", "300", "-t", topic, "-F", "%S %p", "-C", "1")
		p.Pub(t, "-q", "1", "-t", topic, "-m", "x")
		s.Want(t, "300 x")
	})
}
