package codec

import (
	"encoding/binary"
	"net/netip"
)

// Version 2 is binary: the signature, version and command, family and transport, the length of what follows; then the
// addresses, whose size the family gives, and the TLVs.
const (
	proxyV2Signature = "\r\n\r\n\x00\r\nQUIT\n"
	proxyV2Fixed     = 16
)

// Version and command.
const (
	proxyV2Local byte = 0x20
	proxyV2Proxy byte = 0x21
)

// Families, each with its transport.
const (
	proxyUnspec byte = 0x00
	proxyTCP4   byte = 0x11
	proxyUDP4   byte = 0x12
	proxyTCP6   byte = 0x21
	proxyUDP6   byte = 0x22
	proxyStream byte = 0x31 // unix
	proxyDgram  byte = 0x32
)

// proxyAddresses is how many bytes the addresses of a family take; false: no such family.
func proxyAddresses(family byte) (int, bool) {
	switch family {
	case proxyUnspec:
		return 0, true
	case proxyTCP4, proxyUDP4:
		return 2*4 + 2*2, true
	case proxyTCP6, proxyUDP6:
		return 2*16 + 2*2, true
	case proxyStream, proxyDgram:
		return 2 * 108, true
	}
	return 0, false
}

// proxyV2Needs checks the fixed part byte by byte as it arrives, and then knows the length.
func proxyV2Needs(b []byte, limit int) (int, error) {
	const command, family, length = 12, 13, 14
	if len(b) > command && b[command] != proxyV2Local && b[command] != proxyV2Proxy {
		return 0, proxyMalformed("version 2: version and command %#02x", b[command])
	}
	size := 0
	if len(b) > family && b[command] == proxyV2Proxy { // behind LOCAL all is to be ignored, the family too
		var known bool
		if size, known = proxyAddresses(b[family]); !known {
			return 0, proxyMalformed("version 2: family and transport %#02x", b[family])
		}
	}
	if len(b) < proxyV2Fixed {
		return proxyV2Fixed, nil
	}
	n := int(binary.BigEndian.Uint16(b[length:]))
	if n < size {
		return 0, proxyMalformed("version 2: %d bytes cannot hold addresses of family %#02x", n, b[family])
	}
	if n+proxyV2Fixed > limit {
		return 0, proxyMalformed("version 2: %d bytes, allowed are %d", n+proxyV2Fixed, limit)
	}
	return n + proxyV2Fixed, nil
}

// readProxyV2 reads a header whose fixed part is checked and whose bytes are all there.
func readProxyV2(b []byte) (*ProxyHeader, error) {
	if b[12] == proxyV2Local {
		return &ProxyHeader{Local: true}, nil
	}
	h := &ProxyHeader{}
	size, _ := proxyAddresses(b[13])
	addresses := b[proxyV2Fixed : proxyV2Fixed+size]
	switch b[13] {
	case proxyTCP4:
		h.Source, h.Destination = proxyV2Pair(addresses, 4)
	case proxyTCP6:
		h.Source, h.Destination = proxyV2Pair(addresses, 16)
	default:
		// Paths of unix sockets name no network address, and a datagram cannot have become this connection: a receiver
		// that has no use for a family takes it as unspecified.
	}
	if err := h.readTLVs(b, proxyV2Fixed+size); err != nil {
		return nil, err
	}
	return h, nil
}

// proxyV2Pair reads two addresses of size bytes each, and their ports.
func proxyV2Pair(b []byte, size int) (source, destination netip.AddrPort) {
	a, _ := netip.AddrFromSlice(b[:size])
	z, _ := netip.AddrFromSlice(b[size : 2*size])
	ports := b[2*size:]
	source = netip.AddrPortFrom(a.Unmap(), binary.BigEndian.Uint16(ports))
	destination = netip.AddrPortFrom(z.Unmap(), binary.BigEndian.Uint16(ports[2:]))
	return source, destination
}
