package mqtt

// readVarint reads a Variable Byte Integer of up to four bytes. size is 0 when b
// ends too early and -1 when a fifth byte would be needed. Shortest form is not
// demanded: see minimalVarint.
func readVarint(b []byte) (n, size int) {
	for i := 0; i < 4; i++ {
		if i == len(b) {
			return 0, 0
		}
		n |= int(b[i]&0x7F) << (7 * i)
		if b[i] < 0x80 {
			return n, i + 1
		}
	}
	return 0, -1
}

// AppendVarint appends n (0 to MaxRemaining) as a Variable Byte Integer in its
// shortest form. [MQTT-1.5.5-1]
func AppendVarint(dst []byte, n int) []byte {
	for n >= 0x80 {
		dst = append(dst, byte(n)|0x80)
		n >>= 7
	}
	return append(dst, byte(n))
}

// VarintSize returns the bytes that AppendVarint writes for n.
func VarintSize(n int) int {
	switch {
	case n < 1<<7:
		return 1
	case n < 1<<14:
		return 2
	case n < 1<<21:
		return 3
	}
	return 4
}

// maxString is the most a string or a binary field can hold.
const maxString = 65535

// AppendString appends s with its two-byte length, as strings and binary fields
// are written. The caller has checked that s fits; what stands beyond 65,535
// bytes is cut off, so that an oversight cannot break the stream behind it.
func AppendString(dst []byte, s []byte) []byte {
	if len(s) > maxString {
		s = s[:maxString]
	}
	dst = append(dst, byte(len(s)>>8), byte(len(s)))
	return append(dst, s...)
}

// stringSize returns the bytes that AppendString writes for s.
func stringSize(s []byte) int { return 2 + min(len(s), maxString) }

func appendUint16(dst []byte, n uint16) []byte { return append(dst, byte(n>>8), byte(n)) }

// appendHeader appends a fixed header.
func appendHeader(dst []byte, t Type, flags byte, remaining int) []byte {
	return AppendVarint(append(dst, byte(t)<<4|flags), remaining)
}
