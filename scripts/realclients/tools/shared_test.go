package tools

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/scripts/realclients/rig"
)

// Each message goes to one member of the group, every member gets some, and ordinary subscribers get all.
func TestSharedSubscriptionsSplitTheMessages(t *testing.T) {
	eachPair(t, func(t *testing.T, p pair) {
		for _, version := range []string{"311", "5"} {
			t.Run(version, func(t *testing.T) {
				topic := topic(t)
				group := "$share/workers/" + topic + "/+"
				a := p.Sub(t, "-V", version, "-q", "1", "-t", group)
				b := p.Sub(t, "-V", version, "-q", "1", "-t", group)
				all := p.Sub(t, "-V", version, "-q", "1", "-t", topic+"/+")
				var want []string
				for i := range 60 {
					want = append(want, fmt.Sprintf("job %02d", i))
				}
				p.PubInput(t, strings.Join(want, "\n"), "-q", "1", "-t", topic+"/jobs", "-l")
				same(t, all.Messages(60), want)

				rig.Eventually(t, "both shares to hold all jobs", func() bool {
					return len(messages(a.Out()))+len(messages(b.Out())) >= 60
				})
				fromA, fromB := messages(a.Out()), messages(b.Out())
				if len(fromA) == 0 || len(fromB) == 0 {
					t.Errorf("shares of %d and %d messages, want both to have some", len(fromA), len(fromB))
				}
				together := append(slices.Clone(fromA), fromB...)
				slices.Sort(together)
				same(t, together, want)
			})
		}
	})
}
