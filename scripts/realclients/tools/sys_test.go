package tools

import (
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/scripts/realclients/rig"
)

// The topics that people watch mosquitto by are there, and # does not bring them.
func TestSysTopics(t *testing.T) {
	t.Parallel()
	broker := rig.Start(t, "--set", "sys.interval=1s")
	for _, sub := range []tool{mosquitto(), penstock(t)} {
		t.Run(sub.name, func(t *testing.T) {
			t.Parallel()
			p := pair{at(broker.Addr), mosquitto(), sub}
			args := []string{"-v"}
			names := []string{"version", "uptime", "clients/connected", "clients/total", "messages/received", "messages/sent",
				"bytes/received", "bytes/sent", "subscriptions/count", "retained messages/count", "load/messages/received/1min",
				"publish/messages/received"}
			for _, name := range names {
				args = append(args, "-t", "$SYS/broker/"+name)
			}
			s := p.Sub(t, args...)
			s.Await("all of them", func(out string) bool {
				for _, name := range names {
					if !strings.Contains(out, "\n$SYS/broker/"+name+" ") {
						return false
					}
				}
				return strings.Contains(out, "$SYS/broker/version penstock version ")
			})

			all := p.Sub(t, "-t", "#", "-v", "-F", "%t", "-C", "1")
			p.Pub(t, "-t", "ordinary/"+sub.name, "-m", "x")
			for _, got := range all.Messages(1) {
				if strings.HasPrefix(got, "$SYS") {
					t.Errorf("# brought %s", got)
				}
			}
		})
	}
}
