package codec

import (
	"errors"
	"testing"
)

func TestFatalAlertThatIsNotEncryptedIsRead(t *testing.T) {
	for _, tt := range []struct {
		name string
		b    []byte
		want bool
	}{
		{"unknown CA", []byte{0x15, 3, 3, 0, 2, 2, 48}, true},
		{"with what follows", []byte{0x15, 3, 1, 0, 2, 2, 42, 0x15}, true},
		{"a warning", []byte{0x15, 3, 3, 0, 2, 1, 0}, false},
		{"cut", []byte{0x15, 3, 3, 0, 2, 2}, false},
		{"encrypted", []byte{0x15, 3, 3, 0, 18, 2, 48}, false},
		{"a handshake record", []byte{0x16, 3, 3, 0, 2, 2, 48}, false},
	} {
		err := plainAlert(tt.b)
		if f, ok := errors.AsType[*Fault](err); ok != tt.want || ok && f.Cause != TLSAlert {
			t.Errorf("%s: got %v, want a fault of an alert: %v", tt.name, err, tt.want)
		}
	}
}
