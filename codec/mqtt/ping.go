package mqtt

// AppendPingreq appends a PINGREQ, which is the same in all versions.
func AppendPingreq(dst []byte) []byte { return append(dst, byte(PINGREQ)<<4, 0) }

// AppendPingresp appends a PINGRESP, which is the same in all versions.
func AppendPingresp(dst []byte) []byte { return append(dst, byte(PINGRESP)<<4, 0) }

// DecodePing checks a PINGREQ or PINGRESP: nothing but the fixed header.
func DecodePing(from Peer, flags byte, body []byte) error {
	if err := checkFlags(from, flags, 0, faultFlags); err != nil {
		return err
	}
	if len(body) > 0 {
		return faultTrailing.at(from.site())
	}
	return nil
}

// DecodeEmpty is DecodePing for a peer of 3.1.1 or 5.0, where it need not be known.
func DecodeEmpty(flags byte, body []byte) error {
	return DecodePing(Peer{Version: V5}, flags, body)
}
