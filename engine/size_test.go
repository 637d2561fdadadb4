//go:build !race && !invariants

package engine

import (
	"testing"
	"unsafe"
)

// What there is one of for each client fills size classes of the allocator: a field more costs 16 bytes a client.
func TestWhatEachClientHasIsSmall(t *testing.T) {
	for _, c := range []struct {
		what      string
		got, want uintptr
	}{
		{"conn", unsafe.Sizeof(conn{}), 144},
		{"sess", unsafe.Sizeof(sess{}), 144},
		{"named", unsafe.Sizeof(named{}), 32},
	} {
		if c.got > c.want {
			t.Errorf("%s: got %d bytes, want at most %d", c.what, c.got, c.want)
		}
	}
}
