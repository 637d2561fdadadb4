package crash

import "testing"

// What a client has promised to remember, the broker may have forgotten after such a cut; what is acknowledged from then on arrives
// all the same.
func TestAPowerCutTakesAtMostWhatWasNotSynced(t *testing.T) {
	for _, mode := range []string{"interval", "none"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			seeded(t, func(t *testing.T, seed uint64) Counts {
				return killings(t, seed, 3, true, "-volatile", "-sync", mode, "-interval", "30ms", "-segment", "32768")
			})
		})
	}
}
