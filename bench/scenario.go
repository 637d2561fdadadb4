package bench

import (
	"context"
	"fmt"
)

// Scenario is one kind of load. A file holds each; the list of all is in scenarios.go.
type Scenario struct {
	Name    string
	Summary string                                  // one line for the help
	Default Config                                  // what holds where a Config says nothing
	Check   func(c *Config) error                   // what cannot be: named by field; may be nil
	run     func(ctx context.Context, r *run) error // r has the resolved Config, the loops, the counters and the report
}

// within is a Check's usual answer: n must be within low and high.
func within(field string, n, low, high int, why string) error {
	if n >= low && n <= high {
		return nil
	}
	return fmt.Errorf("%s: %d is not within %d and %d: %s", field, n, low, high, why)
}
