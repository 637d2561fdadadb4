package tools

import (
	"slices"
	"testing"

	"github.com/penstock-mqtt/penstock/scripts/realclients/rig"
)

// Refusals end both families of tools with the same exit codes.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	closed := rig.Start(t, "--set", "auth.anonymous=never")
	modern := rig.Start(t, "--set", "listeners.0.versions=5")
	open := rig.Start(t)
	for _, c := range []struct {
		name   string
		broker *rig.Broker
		pub    bool
		args   []string
		want   int
	}{
		{"anonymous 3.1 client refused", closed, true, []string{"-V", "31", "-t", "a", "-m", "x"}, 5},
		{"anonymous 3.1.1 client refused", closed, true, []string{"-V", "311", "-t", "a", "-m", "x"}, 5},
		{"anonymous 5.0 client refused", closed, true, []string{"-V", "5", "-t", "a", "-m", "x"}, 135},
		{"anonymous subscriber refused", closed, false, []string{"-V", "5", "-t", "a"}, 135},
		{"3.1.1 refused where 5.0 is spoken", modern, true, []string{"-V", "311", "-t", "a", "-m", "x"}, 1},
		{"nothing came in time", open, false, []string{"-t", "silence", "-W", "1"}, 27},
	} {
		for _, tool := range []tool{mosquitto(), penstock(t)} {
			t.Run(tool.name+" "+c.name, func(t *testing.T) {
				t.Parallel()
				p := pair{at(c.broker.Addr), tool, tool}
				program := tool.sub
				if c.pub {
					program = tool.pub
				}
				process := rig.Spawn(t, p.command(program, slices.Clone(c.args)))
				if got := process.Wait(); got != c.want {
					t.Errorf("exit code %d, want %d; stderr %q", got, c.want, process.Err())
				}
			})
		}
	}
}
