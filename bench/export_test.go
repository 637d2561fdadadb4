package bench

import "time"

// SetPatience says how long a test waits for a broker that does not answer. Before any run.
func SetPatience(d time.Duration) { patience = d }
