package tools

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// -c -i: what was published while the subscriber was away arrives when it is back, once and in order.
func TestAnAbsentSubscribersMessagesWait(t *testing.T) {
	eachPair(t, func(t *testing.T, p pair) {
		for _, version := range versions {
			t.Run(version, func(t *testing.T) {
				topic := topic(t)
				mine := []string{"-V", version, "-c", "-i", id(t, p) + "-" + version, "-q", "2", "-t", topic}
				p.RunSub(t, append(mine, "-E")...)
				var want []string
				for i := range 100 {
					want = append(want, fmt.Sprint("kept ", i))
				}
				p.PubInput(t, strings.Join(want[:50], "\n"), "-V", version, "-q", "1", "-t", topic, "-l")
				p.PubInput(t, strings.Join(want[50:], "\n"), "-V", version, "-q", "2", "-t", topic, "-l")
				same(t, p.RunSub(t, append(mine, "-C", "100")...), want)

				// Nothing comes twice, and a clean start forgets.
				p.Pub(t, "-V", version, "-q", "1", "-t", topic, "-m", "next")
				same(t, p.RunSub(t, append(mine, "-C", "1")...), []string{"next"})
				p.Pub(t, "-V", version, "-q", "1", "-t", topic, "-m", "forgotten")
				clean := p.Sub(t, "-V", version, "-i", id(t, p)+"-"+version, "-q", "1", "-t", topic, "-C", "1")
				p.Pub(t, "-V", version, "-q", "1", "-t", topic, "-m", "live")
				clean.Want(t, "live")
			})
		}
	})
}

func TestASecondClientOfTheSameNameTakesOver(t *testing.T) {
	eachPair(t, func(t *testing.T, p pair) {
		topic := topic(t)
		first := p.Sub(t, "-V", "5", "-i", id(t, p)+"-over", "-t", topic)
		second := p.Sub(t, "-V", "5", "-i", id(t, p)+"-over", "-t", topic, "-C", "1")
		first.Await("DISCONNECT 0x8E", func(out string) bool { return strings.Contains(out, "eceived DISCONNECT (142)") })
		first.Signal(syscall.SIGKILL) // mosquitto_sub would come back and take over in turn
		p.Pub(t, "-t", topic, "-m", "to the second")
		second.Want(t, "to the second")
	})
}
