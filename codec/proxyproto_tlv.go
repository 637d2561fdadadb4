package codec

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"unicode/utf8"
)

// Types of the TLVs that are read; others (the network namespace, what an installation has made up) are skipped.
const (
	tlvALPN      byte = 0x01
	tlvAuthority byte = 0x02
	tlvCRC32C    byte = 0x03
	tlvUniqueID  byte = 0x05
	tlvSSL       byte = 0x20

	// Inside of SSL.
	tlvSSLVersion    byte = 0x21
	tlvSSLCommonName byte = 0x22
	tlvSSLCipher     byte = 0x23
)

// Bits of the SSL TLV's first byte.
const (
	clientUsedTLS     byte = 1 << iota
	clientCertificate      // presented on this connection
	clientSession          // presented on the session this one resumes
)

const uniqueIDMax = 128

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// tlvs cuts b into its TLVs. A type that is read may stand there once: with two it would be open which one the proxy meant.
func tlvs(b []byte, each func(kind byte, value []byte, at int) error) error {
	var seen [256]bool
	for at := 0; at < len(b); {
		left := b[at:]
		if len(left) < 3 {
			return proxyMalformed("version 2: %d bytes behind the last TLV", len(left))
		}
		kind, n := left[0], int(binary.BigEndian.Uint16(left[1:]))
		if n > len(left)-3 {
			return proxyMalformed("version 2: TLV %#02x of %d bytes, %d are left", kind, n, len(left)-3)
		}
		if seen[kind] && isRead(kind) {
			return proxyMalformed("version 2: TLV %#02x twice", kind)
		}
		seen[kind] = true
		if err := each(kind, left[3:3+n], at+3); err != nil {
			return err
		}
		at += 3 + n
	}
	return nil
}

func isRead(kind byte) bool {
	switch kind {
	case tlvALPN, tlvAuthority, tlvCRC32C, tlvUniqueID, tlvSSL, tlvSSLVersion, tlvSSLCommonName, tlvSSLCipher:
		return true
	}
	return false
}

// readTLVs reads the TLVs of a whole header, which begin at from.
func (h *ProxyHeader) readTLVs(whole []byte, from int) error {
	return tlvs(whole[from:], func(kind byte, value []byte, at int) error {
		switch kind {
		case tlvALPN:
			h.ALPN = string(value) // bytes of any kind, by its definition
		case tlvAuthority:
			return proxyText(&h.Authority, kind, value)
		case tlvCRC32C:
			return checkCRC32C(whole, from+at, value)
		case tlvUniqueID:
			if len(value) > uniqueIDMax {
				return proxyMalformed("version 2: a unique ID of %d bytes", len(value))
			}
			h.UniqueID = bytes.Clone(value)
		case tlvSSL:
			return h.readSSL(value)
		}
		return nil
	})
}

// checkCRC32C compares the checksum at at with that of the whole header, in which it counts as zero.
func checkCRC32C(whole []byte, at int, value []byte) error {
	if len(value) != 4 {
		return proxyMalformed("version 2: a checksum of %d bytes", len(value))
	}
	var zero [4]byte
	sum := crc32.Update(0, castagnoli, whole[:at])
	sum = crc32.Update(sum, castagnoli, zero[:])
	sum = crc32.Update(sum, castagnoli, whole[at+4:])
	if said := binary.BigEndian.Uint32(value); said != sum {
		return proxyMalformed("version 2: checksum %08x, the header's is %08x", said, sum)
	}
	return nil
}

// readSSL reads what the proxy says of the client's TLS: a byte of bits, the result of the verification (zero also where
// there was no certificate to verify), and TLVs.
func (h *ProxyHeader) readSSL(b []byte) error {
	const fixed = 5
	if len(b) < fixed {
		return proxyMalformed("version 2: TLV SSL of %d bytes", len(b))
	}
	bits, verify := b[0], binary.BigEndian.Uint32(b[1:])
	said := &ProxyTLS{Verified: bits&(clientCertificate|clientSession) != 0 && verify == 0}
	var commonName string
	err := tlvs(b[fixed:], func(kind byte, value []byte, _ int) error {
		switch kind {
		case tlvSSLVersion:
			return proxyText(&said.Version, kind, value)
		case tlvSSLCipher:
			return proxyText(&said.Cipher, kind, value)
		case tlvSSLCommonName:
			return proxyText(&commonName, kind, value)
		}
		return nil
	})
	if err != nil || bits&clientUsedTLS == 0 {
		return err
	}
	if said.Verified {
		said.CommonName = commonName
	}
	h.TLS = said
	return nil
}

// proxyText copies a text, which is UTF-8 (or ASCII) by the description.
func proxyText(into *string, kind byte, value []byte) error {
	if !utf8.Valid(value) {
		return proxyMalformed("version 2: TLV %#02x is not UTF-8: %q", kind, value)
	}
	*into = string(value)
	return nil
}
