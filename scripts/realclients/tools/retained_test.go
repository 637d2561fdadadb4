package tools

import (
	"slices"
	"strings"
	"testing"
)

func TestRetainedMessagesMeetLaterSubscribers(t *testing.T) {
	eachPair(t, func(t *testing.T, p pair) {
		for _, version := range versions {
			t.Run(version, func(t *testing.T) {
				topic := topic(t)
				live := p.Sub(t, "-V", version, "-q", "2", "-t", topic+"/#", "-F", "%r %q %p", "-C", "3")
				p.Pub(t, "-V", version, "-t", topic+"/a", "-r", "-q", "1", "-m", "first")
				p.Pub(t, "-V", version, "-t", topic+"/a", "-r", "-q", "2", "-m", "second")
				live.Messages(2)
				p.Pub(t, "-V", version, "-q", "0", "-t", topic+"/b", "-r", "-m", "other")
				live.Want(t, "0 1 first", "0 2 second", "0 0 other")

				later := p.RunSub(t, "-V", version, "-q", "2", "-t", topic+"/#", "-F", "%r %q %p", "-C", "2")
				slices.Sort(later)
				same(t, later, []string{"1 0 other", "1 2 second"})

				p.Pub(t, "-V", version, "-t", topic+"/a", "-r", "-n")
				cleared := p.Sub(t, "-V", version, "-t", topic+"/#", "-F", "%r %p", "-C", "2")
				p.Pub(t, "-V", version, "-t", topic+"/a", "-m", "end")
				cleared.Want(t, "1 other", "0 end")
			})
		}
	})
}

func TestSubscriberOptionsForRetainedMessages(t *testing.T) {
	eachPair(t, func(t *testing.T, p pair) {
		topic := topic(t)
		p.Pub(t, "-t", topic+"/kept", "-r", "-m", "kept")

		without := p.Sub(t, "-t", topic+"/#", "-R", "-C", "1")
		p.Pub(t, "-t", topic+"/live", "-m", "live")
		without.Want(t, "live")

		only := p.Sub(t, "-t", topic+"/#", "--retained-only", "-v")
		only.Want(t, topic+"/kept kept")
		p.Pub(t, "-t", topic+"/live", "-m", "live")
		only.Wait()
		same(t, only.Messages(1), []string{topic + "/kept kept"})

		// 5.0's option leaves the flag of live messages as it was.
		published := p.Sub(t, "-V", "5", "--retain-as-published", "-t", topic+"/again", "-F", "%r %p", "-C", "1")
		p.Pub(t, "-t", topic+"/again", "-r", "-m", "flag")
		published.Want(t, "1 flag")

		// mosquitto_sub does not end by -C when it removes, with any broker.
		remover := p.Sub(t, "-t", topic+"/#", "--remove-retained")
		remover.Await("the PUBACKs of two removals", func(out string) bool { return strings.Count(out, "received PUBACK") == 2 })
		gone := p.Sub(t, "-t", topic+"/#", "-F", "%r %p", "-C", "1")
		p.Pub(t, "-t", topic+"/kept", "-m", "nothing was retained")
		gone.Want(t, "0 nothing was retained")
	})
}
