package mqtt

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

// Nearly all strings on the wire are short ASCII, so both checks run over eight
// bytes at a time and leave everything else to the slow way. A loop over bytes
// took 16 ns for a topic of 25 bytes and 42 ns for 60; this takes 10 and 18.
const (
	highBits = 0x8080808080808080
	lowBits  = 0x7F7F7F7F7F7F7F7F
	bit3     = 0x0808080808080808
	hashes   = 0x2323232323232323
)

// oddText has a high bit for each byte of x that is not U+0001..U+007F.
// Adding 0x7F carries into the high bit of every byte but zero; where a byte
// had the high bit itself, neighbours may be reported wrongly, which is harmless.
func oddText(x uint64) uint64 { return (x | ^(x + lowBits)) & highBits }

// oddName does the same for topic names, where '+' and '#' are odd as well.
// They differ in one bit only, so one comparison finds both.
func oddName(x uint64) uint64 {
	return (x | ^(x + lowBits) | ^((x&^bit3 ^ hashes) + lowBits)) & highBits
}

// plainText reports whether b is ASCII without U+0000. False says nothing.
func plainText(b []byte) bool {
	n := len(b)
	if n < 8 {
		for _, c := range b {
			if c-1 >= 0x7F {
				return false
			}
		}
		return true
	}
	odd := oddText(binary.LittleEndian.Uint64(b[n-8:]))
	for i := 0; i < n-8; i += 8 {
		odd |= oddText(binary.LittleEndian.Uint64(b[i : i+8]))
	}
	return odd == 0
}

// plainName reports whether b is ASCII without U+0000, '+' and '#'. False says nothing.
func plainName(b []byte) bool {
	n := len(b)
	if n < 8 {
		for _, c := range b {
			if c-1 >= 0x7F || c == '+' || c == '#' {
				return false
			}
		}
		return true
	}
	odd := oddName(binary.LittleEndian.Uint64(b[n-8:]))
	for i := 0; i < n-8; i += 8 {
		odd |= oddName(binary.LittleEndian.Uint64(b[i : i+8]))
	}
	return odd == 0
}

// checkText returns what is wrong with a string: ill-formed UTF-8 or U+0000.
// Control characters and non-characters pass, from every sender in every place:
// what one subscriber refuses, a publisher could disconnect it with.
func checkText(b []byte) *fault {
	if plainText(b) {
		return nil
	}
	return checkTextSlow(b)
}

func checkTextSlow(b []byte) *fault {
	if bytes.IndexByte(b, 0) >= 0 {
		return faultNUL // [MQTT-1.5.4-2] [MQTT-4.7.3-2] [MQTT-1.5.3-2 of 3.1.1]
	}
	if !utf8.Valid(b) {
		return faultNotUTF8 // [MQTT-1.5.4-1] [MQTT-1.5.3-1 of 3.1.1]
	}
	return nil // U+FEFF is kept wherever it stands [MQTT-1.5.4-3] [MQTT-1.5.3-3 of 3.1.1]
}

// checkName returns what is wrong with a topic name; wild is the fault of a
// wildcard in this place. An empty name passes.
func checkName(b []byte, wild *fault) *fault {
	if plainName(b) {
		return nil
	}
	if f := checkTextSlow(b); f != nil {
		return f
	}
	if bytes.IndexByte(b, '#') >= 0 || bytes.IndexByte(b, '+') >= 0 {
		return wild
	}
	return nil
}
