//go:build !race

package rig

// Race says that the race detector looks on, which makes everything many times slower.
const Race = false
