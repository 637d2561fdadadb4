package bench

import "context"

// Scenario is one kind of load. A file holds each; the list of all is in scenarios.go.
type Scenario struct {
	Name    string
	Summary string                                  // one line for the help
	Default Config                                  // what holds where a Config says nothing
	Check   func(c *Config) error                   // what cannot be: named by field; may be nil
	run     func(ctx context.Context, r *run) error // r has the resolved Config, the loops, the counters and the report
}
