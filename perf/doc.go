// Package perf measures whole paths of the broker: allocations per message, memory per connection. Tests hold what
// does not depend on the machine (allocations); benchmarks report the rest.
package perf
