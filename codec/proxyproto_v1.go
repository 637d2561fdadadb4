package codec

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"
)

// Version 1 is one line of text: PROXY TCP4 192.0.2.1 198.51.100.1 50000 1883 CR LF.
const (
	proxyV1Signature = "PROXY "
	proxyV1Max       = 107 // two IPv6 addresses written out, after UNKNOWN, and CR LF
)

// proxyV1Needs looks for the end of the line. It asks for one byte more each time, so that none is taken that follows it.
func proxyV1Needs(b []byte, limit int) (int, error) {
	limit = min(proxyV1Max, limit)
	if end := bytes.IndexByte(b[:min(len(b), limit)], '\n'); end >= 0 {
		return end + 1, nil
	}
	if len(b) >= limit {
		return 0, proxyMalformed("version 1: no end of the line in %d bytes", limit)
	}
	return len(b) + 1, nil
}

// readProxyV1 reads a line with its end.
func readProxyV1(line []byte) (*ProxyHeader, error) {
	text, ok := strings.CutSuffix(string(line), "\r\n")
	if !ok {
		return nil, proxyMalformed("version 1: the line does not end in CR LF: %q", line)
	}
	words := strings.Split(text[len(proxyV1Signature):], " ")
	switch words[0] {
	case "UNKNOWN": // whatever follows means nothing
		return &ProxyHeader{}, nil
	case "TCP4", "TCP6":
	default:
		return nil, proxyMalformed("version 1: protocol %q", words[0])
	}
	if len(words) != 5 {
		return nil, proxyMalformed("version 1: %d words behind %s, not two addresses and two ports: %q", len(words)-1, words[0], line)
	}
	six := words[0] == "TCP6"
	source, ok1 := proxyV1Address(words[1], words[3], six)
	destination, ok2 := proxyV1Address(words[2], words[4], six)
	if !ok1 || !ok2 {
		return nil, proxyMalformed("version 1: addresses or ports: %q", line)
	}
	return &ProxyHeader{Source: source, Destination: destination}, nil
}

// proxyV1Address reads what one correct sender writes: no zone, no leading zeros, no sign.
func proxyV1Address(addr, port string, six bool) (netip.AddrPort, bool) {
	a, err := netip.ParseAddr(addr)
	if err != nil || a.Is6() != six || a.Zone() != "" {
		return netip.AddrPort{}, false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || strconv.FormatUint(n, 10) != port {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), true
}
