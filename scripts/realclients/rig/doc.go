// Package rig is what the tests with real clients stand on: a penstock process for a test, other programs with their output
// and their end awaited, and nothing left running afterwards. Everything is on loopback and on ports the system chose.
//
// A Broker and a Process belong to the test that started them, which ends them in its cleanup by their process id.
package rig

import (
	"testing"
	"time"
)

// Patience bounds every wait for something that must happen. It is long, because a slow machine is not a failure.
const Patience = 20 * time.Second

// Eventually waits for a condition that nobody announces, by asking again and again.
func Eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(Patience); !condition(); <-again.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s", Patience, what)
		}
	}
}
