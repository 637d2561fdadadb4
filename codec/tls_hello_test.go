package codec

import (
	"errors"
	"testing"
)

func TestAHelloThatTakesMuchIsRefusedByItsLength(t *testing.T) {
	for _, tt := range []struct {
		name string
		b    []byte
		want error // a Fault's cause, or nil
	}{
		{"16 KB", []byte{0x16, 3, 1, 0x40, 0, 1, 0, 0x40, 0}, nil},
		{"one more", []byte{0x16, 3, 1, 0x40, 0, 1, 0, 0x40, 1}, &Fault{Cause: TLSFlood}},
		{"16 MB", []byte{0x16, 3, 1, 0, 0x40, 1, 0xFF, 0xFF, 0xFF}, &Fault{Cause: TLSFlood}},
		{"its length not there yet", []byte{0x16, 3, 1, 0, 0x40, 1, 0xFF, 0xFF}, nil},
		{"its length in another record", []byte{0x16, 3, 1, 0, 3}, &Fault{Cause: TLSProtocol}},
	} {
		whole, err := firstRecord(tt.b)
		got, _ := errors.AsType[*Fault](err)
		want, _ := errors.AsType[*Fault](tt.want)
		if whole || (got == nil) != (want == nil) || got != nil && got.Cause != want.Cause {
			t.Errorf("%s: got whole %v, %v, want %v", tt.name, whole, err, tt.want)
		}
	}
}
