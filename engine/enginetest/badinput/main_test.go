package badinput

import (
	"os"
	"testing"
)

// TestMain runs a part of a test that needs a process of its own, when it is one.
func TestMain(m *testing.M) {
	switch os.Getenv("PENSTOCK_BADINPUT") {
	case "silent":
		silent()
	case "starve":
		starve()
	default:
		os.Exit(m.Run())
	}
}
