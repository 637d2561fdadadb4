package enginetest

import (
	"flag"
	"os"
	"testing"
)

// TestMain lets many cases run at once: most of the time they wait for a timer or for the broker.
func TestMain(m *testing.M) {
	flag.Parse()
	explicit := false
	flag.Visit(func(f *flag.Flag) { explicit = explicit || f.Name == "test.parallel" })
	if !explicit {
		flag.Set("test.parallel", "64")
	}
	os.Exit(m.Run())
}

// TestConformance plays the suite against an in-process Penstock, or against the broker that CONFORMANCE_TARGET names, with
// CONFORMANCE_WEBSOCKET where it serves that.
func TestConformance(t *testing.T) {
	start := startPenstock
	if addr := os.Getenv("CONFORMANCE_TARGET"); addr != "" {
		start = Foreign(Target{Addr: addr, WebSocket: os.Getenv("CONFORMANCE_WEBSOCKET")})
	}
	Run(t, start)
}
