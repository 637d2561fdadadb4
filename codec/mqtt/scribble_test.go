//go:build race || invariants

package mqtt

import (
	"bytes"
	"testing"
)

// Who keeps a body over the next call of Next sees it overwritten.
func TestReaderScribblesOverSpentBuffers(t *testing.T) {
	var r Reader
	packet := pack(0x30, 4, "a", []byte("x"))
	_, _, _, _ = r.Next(packet[:3], 0)
	_, body, _, err := r.Next(packet[3:], 0)
	if err != nil || !bytes.Equal(body, packet[2:]) {
		t.Fatalf("got % X, %v; want % X", body, err, packet[2:])
	}
	_, _, _, _ = r.Next(nil, 0)
	if want := bytes.Repeat([]byte{0xDB}, 4); !bytes.Equal(body, want) {
		t.Errorf("got % X, want % X", body, want)
	}
}
