package tools

import (
	"strconv"
	"syscall"
	"testing"
)

// A client that dies leaves its will, retained if it wanted so; one that says goodbye leaves none.
func TestWillOfAKilledSubscriber(t *testing.T) {
	eachPair(t, func(t *testing.T, p pair) {
		for _, version := range versions {
			t.Run(version, func(t *testing.T) {
				topic := topic(t)
				watch := p.Sub(t, "-V", version, "-q", "2", "-t", topic+"/will", "-F", "%q %r %p", "-C", "2")
				will := func(payload string) []string {
					return []string{"-V", version, "-t", topic + "/nothing", "--will-topic", topic + "/will",
						"--will-payload", payload, "--will-qos", "1", "--will-retain"}
				}

				leaves := p.Sub(t, append(will("left"), "-C", "1")...)
				p.Pub(t, "-t", topic+"/nothing", "-m", "leave")
				leaves.Wait()
				p.Pub(t, "-t", topic+"/will", "-m", "no will before this")

				dies := p.Sub(t, will("died")...)
				dies.Signal(syscall.SIGKILL)
				dies.Wait()
				watch.Want(t, "1 0 no will before this", "1 0 died")
				same(t, p.RunSub(t, "-t", topic+"/will", "-F", "%r %p", "-C", "1"), []string{"1 died"})
			})
		}
	})
}

// At SIGTERM both tools leave with DISCONNECT 0x04 when they speak 5.0: with the will. 3.x knows no such thing.
func TestWillOfATerminatedSubscriber(t *testing.T) {
	eachPair(t, func(t *testing.T, p pair) {
		for version, want := range map[string][]string{"311": {"end"}, "5": {"the will", "end"}} {
			topic := topic(t) + version
			watch := p.Sub(t, "-t", topic+"/will", "-C", strconv.Itoa(len(want)))
			leaves := p.Sub(t, "-V", version, "-t", topic+"/nothing", "--will-topic", topic+"/will", "--will-payload", "the will")
			leaves.Signal(syscall.SIGTERM)
			leaves.Wait()
			watch.Messages(len(want) - 1)
			p.Pub(t, "-t", topic+"/will", "-m", "end")
			watch.Want(t, want...)
		}
	})
}

// 5.0: a will that may wait does wait, and is not published when its client is back before that.
func TestWillDelayAndPropertiesOfAWill(t *testing.T) {
	eachPair(t, func(t *testing.T, p pair) {
		topic := topic(t)
		watch := p.Sub(t, "-V", "5", "-t", topic+"/will", "-F", "%C %p", "-C", "2")
		with := []string{"-V", "5", "-i", id(t, p) + "-will", "-c", "-x", "60", "-t", topic + "/nothing",
			"--will-topic", topic + "/will", "--will-payload", "gone",
			"-D", "will", "content-type", "text/plain"}

		waits := p.Sub(t, append(with, "-D", "will", "will-delay-interval", "30")...)
		waits.Signal(syscall.SIGKILL)
		waits.Wait()
		back := p.Sub(t, append(with, "-D", "will", "will-delay-interval", "1")...)
		p.Pub(t, "-V", "5", "-t", topic+"/will", "-D", "publish", "content-type", "x", "-m", "was not published")
		back.Signal(syscall.SIGKILL)
		back.Wait()
		watch.Want(t, "x was not published", "text/plain gone")
	})
}
