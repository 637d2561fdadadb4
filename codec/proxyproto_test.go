package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

const testHeaderMax = 4096

// v2 builds a header of version 2 whose length field is that of the parts behind it.
func v2(command, family byte, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	b := append([]byte("\r\n\r\n\x00\r\nQUIT\n"), command, family)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(body))), body...)
}

func tlv(kind byte, value ...byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{kind}, uint16(len(value))), value...)
}

func tlvText(kind byte, value string) []byte { return tlv(kind, []byte(value)...) }

// ssl builds the TLV SSL from its bits, the result of the verification and its own TLVs.
func ssl(bits byte, verify uint32, parts ...[]byte) []byte {
	value := binary.BigEndian.AppendUint32([]byte{bits}, verify)
	return tlv(0x20, append(value, bytes.Join(parts, nil)...)...)
}

var (
	tcp4 = []byte{192, 0, 2, 1, 198, 51, 100, 2, 0xc3, 0x50, 0x07, 0x5b} // ports 50000 and 1883
	tcp6 = []byte("\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\xc3\x50\x22\xb3")
	mapped6 = []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x01" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc6\x33\x64\x02\xc3\x50\x07\x5b")
	unixPaths = make([]byte, 216)

	from4, to4 = netip.MustParseAddrPort("192.0.2.1:50000"), netip.MustParseAddrPort("198.51.100.2:1883")
	from6, to6 = netip.MustParseAddrPort("[2001:db8::1]:50000"), netip.MustParseAddrPort("[2001:db8::2]:8883")
)

// withCRC appends the checksum TLV to the TLVs of a header and puts the sum of all of it there, changed by wrong.
func withCRC(wrong uint32, behind ...[]byte) []byte {
	parts := append([][]byte{tcp4, tlvText(1, "mqtt"), tlv(3, 0, 0, 0, 0)}, behind...)
	b := v2(0x21, 0x11, parts...)
	at := 16 + len(tcp4) + len(tlvText(1, "mqtt")) + 3
	sum := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
	binary.BigEndian.PutUint32(b[at:], sum^wrong)
	return b
}

var goodHeaders = []struct {
	name   string
	header []byte
	want   ProxyHeader
}{
	{"v1 TCP4", []byte("PROXY TCP4 192.0.2.1 198.51.100.2 50000 1883\r\n"), ProxyHeader{Source: from4, Destination: to4}},
	{"v1 TCP6", []byte("PROXY TCP6 2001:db8::1 2001:DB8:0:0:0:0:0:2 50000 8883\r\n"), ProxyHeader{Source: from6, Destination: to6}},
	{"v1 TCP6 of IPv4", []byte("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:c633:6402 50000 1883\r\n"), ProxyHeader{Source: from4, Destination: to4}},
	{"v1 lowest and highest", []byte("PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n"), ProxyHeader{
		Source: netip.MustParseAddrPort("0.0.0.0:0"), Destination: netip.MustParseAddrPort("255.255.255.255:65535")}},
	{"v1 UNKNOWN", []byte("PROXY UNKNOWN\r\n"), ProxyHeader{}},
	{"v1 UNKNOWN with anything", []byte("PROXY UNKNOWN what  ever\x00\r?\r\n"), ProxyHeader{}},
	{"v1 of 107 bytes", longUnknown(107), ProxyHeader{}},

	{"v2 LOCAL", v2(0x20, 0x00), ProxyHeader{Local: true}},
	{"v2 LOCAL with what is to be ignored", v2(0x20, 0x77, []byte("\x01\xff\xffx")), ProxyHeader{Local: true}},
	{"v2 UNSPEC", v2(0x21, 0x00), ProxyHeader{}},
	{"v2 UNSPEC with TLVs", v2(0x21, 0x00, tlvText(1, "mqtt")), ProxyHeader{ALPN: "mqtt"}},
	{"v2 TCP4", v2(0x21, 0x11, tcp4), ProxyHeader{Source: from4, Destination: to4}},
	{"v2 TCP6", v2(0x21, 0x21, tcp6), ProxyHeader{Source: from6, Destination: to6}},
	{"v2 TCP6 of IPv4", v2(0x21, 0x21, mapped6), ProxyHeader{Source: from4, Destination: to4}},
	{"v2 UDP4", v2(0x21, 0x12, tcp4), ProxyHeader{}},
	{"v2 UDP6 with TLVs", v2(0x21, 0x22, tcp6, tlvText(2, "a.example")), ProxyHeader{Authority: "a.example"}},
	{"v2 unix stream", v2(0x21, 0x31, unixPaths, tlvText(2, "a.example")), ProxyHeader{Authority: "a.example"}},
	{"v2 unix datagram", v2(0x21, 0x32, unixPaths), ProxyHeader{}},

	{"TLVs read and skipped", v2(0x21, 0x11, tcp4, tlv(4), tlv(4, 0, 0, 0), tlvText(1, "mqtt"), tlvText(2, "broker.example"),
		tlv(5, 1, 2, 3), tlvText(0x30, "netns"), tlvText(0xea, "cloud"), tlvText(0xea, "again")), ProxyHeader{
		Source: from4, Destination: to4, ALPN: "mqtt", Authority: "broker.example", UniqueID: []byte{1, 2, 3}}},
	{"checksum", withCRC(0, tlvText(2, "behind")), ProxyHeader{Source: from4, Destination: to4, ALPN: "mqtt", Authority: "behind"}},
	{"unique ID of 128 bytes", v2(0x21, 0x11, tcp4, tlv(5, make([]byte, 128)...)), ProxyHeader{
		Source: from4, Destination: to4, UniqueID: make([]byte, 128)}},

	{"TLS without certificate", v2(0x21, 0x11, tcp4, ssl(1, 0, tlvText(0x21, "TLSv1.3"), tlvText(0x23, "TLS_AES_128_GCM_SHA256"))), ProxyHeader{
		Source: from4, Destination: to4, TLS: &ProxyTLS{Version: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256"}}},
	{"TLS with certificate", v2(0x21, 0x11, tcp4, ssl(3, 0, tlvText(0x21, "TLSv1.3"), tlvText(0x22, "device 7"), tlvText(0x24, "SHA256"))), ProxyHeader{
		Source: from4, Destination: to4, TLS: &ProxyTLS{Version: "TLSv1.3", Verified: true, CommonName: "device 7"}}},
	{"TLS resumed with certificate", v2(0x21, 0x11, tcp4, ssl(5, 0, tlvText(0x22, "device 7"))), ProxyHeader{
		Source: from4, Destination: to4, TLS: &ProxyTLS{Verified: true, CommonName: "device 7"}}},
	{"certificate refused", v2(0x21, 0x11, tcp4, ssl(3, 18, tlvText(0x22, "device 7"))), ProxyHeader{
		Source: from4, Destination: to4, TLS: &ProxyTLS{}}},
	{"name without certificate", v2(0x21, 0x11, tcp4, ssl(1, 0, tlvText(0x22, "device 7"))), ProxyHeader{
		Source: from4, Destination: to4, TLS: &ProxyTLS{}}},
	{"no TLS", v2(0x21, 0x11, tcp4, ssl(0, 0, tlvText(0x22, "device 7"))), ProxyHeader{Source: from4, Destination: to4}},
}

// longUnknown is a line of n bytes.
func longUnknown(n int) []byte {
	const begin, end = "PROXY UNKNOWN ", "\r\n"
	return []byte(begin + strings.Repeat("f", n-len(begin)-len(end)) + end)
}

var badHeaders = []struct {
	name   string
	header []byte
	want   Cause
}{
	{"MQTT", []byte("\x10\x0c\x00\x04MQTT"), ProxyMissing},
	{"HTTP", []byte("GET / HTTP/1.1\r\n"), ProxyMissing},
	{"HTTP behind a line", []byte("\r\nGET / HTTP/1.1\r\n"), ProxyMissing},
	{"TLS", []byte("\x16\x03\x01"), ProxyMissing},
	{"v1 in small letters", []byte("proxy TCP4"), ProxyMissing},
	{"v1 without space", []byte("PROXY\r\n"), ProxyMissing},
	{"PUBREC", []byte("P\x02\x00\x01"), ProxyMissing},
	{"v2 signature with another end", []byte("\r\n\r\n\x00\r\nQUIT\r"), ProxyMissing},

	{"v1 no protocol", []byte("PROXY \r\n"), ProxyMalformed},
	{"v1 protocol", []byte("PROXY UDP4 192.0.2.1 198.51.100.2 50000 1883\r\n"), ProxyMalformed},
	{"v1 protocol begins well", []byte("PROXY UNKNOWNS\r\n"), ProxyMalformed},
	{"v1 no addresses", []byte("PROXY TCP4\r\n"), ProxyMalformed},
	{"v1 a word too few", []byte("PROXY TCP4 192.0.2.1 198.51.100.2 50000\r\n"), ProxyMalformed},
	{"v1 a word too many", []byte("PROXY TCP4 192.0.2.1 198.51.100.2 50000 1883 1\r\n"), ProxyMalformed},
	{"v1 two spaces", []byte("PROXY TCP4  192.0.2.1 198.51.100.2 50000 1883\r\n"), ProxyMalformed},
	{"v1 space at the end", []byte("PROXY TCP4 192.0.2.1 198.51.100.2 50000 1883 \r\n"), ProxyMalformed},
	{"v1 tab", []byte("PROXY TCP4\t192.0.2.1 198.51.100.2 50000 1883\r\n"), ProxyMalformed},
	{"v1 LF alone", []byte("PROXY TCP4 192.0.2.1 198.51.100.2 50000 1883\n"), ProxyMalformed},
	{"v1 UNKNOWN, LF alone", []byte("PROXY UNKNOWN\n"), ProxyMalformed},
	{"v1 CR in between", []byte("PROXY TCP4 192.0.2.1 198.51.100.2 50000 1883\r\r\n"), ProxyMalformed},
	{"v1 IPv6 as TCP4", []byte("PROXY TCP4 ::1 ::2 50000 1883\r\n"), ProxyMalformed},
	{"v1 IPv4 as TCP6", []byte("PROXY TCP6 192.0.2.1 198.51.100.2 50000 1883\r\n"), ProxyMalformed},
	{"v1 IPv6 zone", []byte("PROXY TCP6 fe80::1%eth0 ::2 50000 1883\r\n"), ProxyMalformed},
	{"v1 IPv6 in brackets", []byte("PROXY TCP6 [::1] [::2] 50000 1883\r\n"), ProxyMalformed},
	{"v1 leading zero in address", []byte("PROXY TCP4 192.0.02.1 198.51.100.2 50000 1883\r\n"), ProxyMalformed},
	{"v1 address too large", []byte("PROXY TCP4 192.0.2.256 198.51.100.2 50000 1883\r\n"), ProxyMalformed},
	{"v1 short address", []byte("PROXY TCP4 192.0.2 198.51.100.2 50000 1883\r\n"), ProxyMalformed},
	{"v1 host name", []byte("PROXY TCP4 localhost 198.51.100.2 50000 1883\r\n"), ProxyMalformed},
	{"v1 leading zero in port", []byte("PROXY TCP4 192.0.2.1 198.51.100.2 050000 1883\r\n"), ProxyMalformed},
	{"v1 sign in port", []byte("PROXY TCP4 192.0.2.1 198.51.100.2 +5000 1883\r\n"), ProxyMalformed},
	{"v1 port too large", []byte("PROXY TCP4 192.0.2.1 198.51.100.2 50000 65536\r\n"), ProxyMalformed},
	{"v1 no port", []byte("PROXY TCP4 192.0.2.1 198.51.100.2  1883\r\n"), ProxyMalformed},
	{"v1 of 108 bytes", longUnknown(108), ProxyMalformed},

	{"v2 version 1", v2(0x11, 0x11, tcp4), ProxyMalformed},
	{"v2 command 2", v2(0x22, 0x11, tcp4), ProxyMalformed},
	{"v2 family", v2(0x21, 0x41, tcp4), ProxyMalformed},
	{"v2 transport", v2(0x21, 0x13, tcp4), ProxyMalformed},
	{"v2 family without transport", v2(0x21, 0x10, tcp4), ProxyMalformed},
	{"v2 TCP4 too short", v2(0x21, 0x11, tcp4[:11]), ProxyMalformed},
	{"v2 TCP6 too short", v2(0x21, 0x21, tcp6[:35]), ProxyMalformed},
	{"v2 unix too short", v2(0x21, 0x31, unixPaths[:215]), ProxyMalformed},
	{"v2 one byte too long", v2(0x21, 0x11, tcp4, tlv(4, make([]byte, testHeaderMax-16-12-3+1)...)), ProxyMalformed},
	{"v2 LOCAL too long", v2(0x20, 0x00, make([]byte, testHeaderMax)), ProxyMalformed},

	{"TLV cut in its head", v2(0x21, 0x11, tcp4, []byte{4, 0}), ProxyMalformed},
	{"TLV longer than the header", v2(0x21, 0x11, tcp4, []byte{4, 0, 2, 0}), ProxyMalformed},
	{"ALPN twice", v2(0x21, 0x11, tcp4, tlvText(1, "mqtt"), tlvText(1, "mqtt")), ProxyMalformed},
	{"authority not UTF-8", v2(0x21, 0x11, tcp4, tlvText(2, "\xff")), ProxyMalformed},
	{"checksum wrong", withCRC(1), ProxyMalformed},
	{"checksum too short", v2(0x21, 0x11, tcp4, tlv(3, 0, 0, 0)), ProxyMalformed},
	{"unique ID of 129 bytes", v2(0x21, 0x11, tcp4, tlv(5, make([]byte, 129)...)), ProxyMalformed},
	{"SSL too short", v2(0x21, 0x11, tcp4, tlv(0x20, 1, 0, 0, 0)), ProxyMalformed},
	{"TLV in SSL cut in its head", v2(0x21, 0x11, tcp4, ssl(1, 0, []byte{0x21})), ProxyMalformed},
	{"TLV in SSL too long", v2(0x21, 0x11, tcp4, ssl(0, 0, []byte{0x21, 0, 1}), tlvText(1, "mqtt")), ProxyMalformed},
	{"two common names", v2(0x21, 0x11, tcp4, ssl(3, 0, tlvText(0x22, "a"), tlvText(0x22, "b"))), ProxyMalformed},
	{"common name not UTF-8", v2(0x21, 0x11, tcp4, ssl(3, 0, tlvText(0x22, "\xc0\x80"))), ProxyMalformed},
}

const behind = "\x10\x0cwhat follows\r\n"

func TestProxyReadsTheHeaderAndLosesNothingBehindIt(t *testing.T) {
	for _, tt := range goodHeaders {
		input := append(bytes.Clone(tt.header), behind...)
		p := NewProxy(testHeaderMax)
		rest, done, err := p.Feed(input)
		if err != nil || !done || string(rest) != behind {
			t.Errorf("%s: Feed(%q) = %q, %v, %v; want %q, true, nil", tt.name, input, rest, done, err, behind)
			continue
		}
		clear(input) // what Header says must not live in the caller's bytes
		if got := p.Header(); !reflect.DeepEqual(*got, tt.want) {
			t.Errorf("%s: got %+v (TLS %+v), want %+v (TLS %+v)", tt.name, *got, got.TLS, tt.want, tt.want.TLS)
		}
		if p.Pending() != 0 {
			t.Errorf("%s: %d bytes pending after the header", tt.name, p.Pending())
		}
	}
}

func TestProxyRefusesWhatIsNoHeader(t *testing.T) {
	for _, tt := range badHeaders {
		p := NewProxy(testHeaderMax)
		_, done, err := p.Feed(append(bytes.Clone(tt.header), behind...))
		var fault *Fault
		if done || !errors.As(err, &fault) || fault.Cause != tt.want || p.Header() != nil {
			t.Errorf("%s: %q: done %v, error %v, header %v; want %v", tt.name, tt.header, done, err, p.Header(), tt.want)
		}
		if _, _, again := p.Feed([]byte("more")); again != err {
			t.Errorf("%s: the next bytes gave %v, want %v again", tt.name, again, err)
		}
	}
}

// feedAll gives b to a stage in pieces, whose lengths cut says by where they begin, as a socket would: each in memory
// that is used for something else afterwards.
func feedAll(p *Proxy, b []byte, cut func(at int) (length int)) (rest []byte, done bool, err error) {
	for at := 0; at < len(b); {
		n := min(cut(at), len(b)-at)
		piece := bytes.Clone(b[at : at+n])
		at += n
		if done {
			rest = append(rest, piece...)
			continue
		}
		var left []byte
		if left, done, err = p.Feed(piece); err != nil {
			return nil, false, err
		}
		rest = append(rest, left...)
		for i := range piece {
			piece[i] = 0xdd
		}
	}
	return rest, done, nil
}

func allHeaders() (all [][]byte) {
	for _, tt := range goodHeaders {
		all = append(all, tt.header)
	}
	for _, tt := range badHeaders {
		all = append(all, tt.header)
	}
	return all
}

func TestProxyGivesTheSameWhereverTheInputIsCut(t *testing.T) {
	for _, header := range allHeaders() {
		input := append(bytes.Clone(header), behind...)
		for at := 0; at <= min(len(input), 300); at++ {
			comparePieces(t, input, testHeaderMax, func(pos int) int {
				if pos == 0 && at > 0 {
					return at
				}
				return len(input)
			})
		}
		comparePieces(t, input, testHeaderMax, func(int) int { return 1 })
	}
}

// comparePieces compares the result of pieces with that of the whole.
func comparePieces(t *testing.T, input []byte, limit int, cut func(at int) int) {
	t.Helper()
	whole, pieces := NewProxy(limit), NewProxy(limit)
	wantRest, wantDone, wantErr := feedAll(whole, input, func(int) int { return len(input) })
	rest, done, err := feedAll(pieces, input, cut)
	if !sameFault(err, wantErr) {
		t.Fatalf("in pieces %v, whole %v; input %q", err, wantErr, input)
	}
	if !bytes.Equal(rest, wantRest) || done != wantDone || !reflect.DeepEqual(pieces.Header(), whole.Header()) {
		t.Fatalf("in pieces %q %v %+v, whole %q %v %+v; input %q", rest, done, pieces.Header(), wantRest, wantDone, whole.Header(), input)
	}
}

func sameFault(a, b error) bool {
	var x, y *Fault
	if errors.As(a, &x) != errors.As(b, &y) {
		return false
	}
	return x == nil || x.Cause == y.Cause
}

func TestProxyDoesNotWaitForMoreOfWhatIsNoHeader(t *testing.T) {
	for _, signature := range []string{proxyV1Signature, proxyV2Signature} {
		for at := range signature {
			p := NewProxy(testHeaderMax)
			if _, done, err := p.Feed([]byte(signature[:at])); done || err != nil {
				t.Fatalf("%q: done %v, %v; want to wait", signature[:at], done, err)
			}
			_, _, err := p.Feed([]byte{signature[at] ^ 0x80})
			var fault *Fault
			if !errors.As(err, &fault) || fault.Cause != ProxyMissing {
				t.Errorf("%q and another byte: %v, want %v", signature[:at], err, ProxyMissing)
			}
		}
	}
}

func TestProxyHoldsOnlyWhatArrivedOfTheHeader(t *testing.T) {
	header := v2(0x21, 0x11, tcp4, tlv(4, make([]byte, testHeaderMax-16-12-3)...)) // as long as is allowed
	p := NewProxy(testHeaderMax)
	for i, b := range header[:len(header)-1] {
		if _, done, err := p.Feed([]byte{b}); done || err != nil {
			t.Fatalf("byte %d: done %v, %v", i, done, err)
		}
		if p.Pending() != i+1 || cap(p.held) > 2*(i+1)+64 {
			t.Fatalf("%d bytes arrived: %d pending, in a buffer of %d", i+1, p.Pending(), cap(p.held))
		}
	}
	rest, done, err := p.Feed(append(header[len(header)-1:len(header):len(header)], behind...))
	if string(rest) != behind || !done || err != nil || p.Pending() != 0 {
		t.Errorf("the end: rest %q, done %v, %v, %d pending", rest, done, err, p.Pending())
	}
}

func TestProxyAllowsNoLongerHeaderThanItsLimit(t *testing.T) {
	for _, header := range [][]byte{[]byte("PROXY UNKNOWN\r\n"), v2(0x20, 0x00), v2(0x21, 0x11, tcp4)} {
		for limit := -1; limit <= len(header)+1; limit++ {
			_, done, err := NewProxy(limit).Feed(header)
			if fits := limit >= len(header); done != fits || (err == nil) != fits {
				t.Errorf("limit %d, header %q: done %v, %v", limit, header, done, err)
			}
			comparePieces(t, header, limit, func(int) int { return 1 })
		}
	}
}

// FuzzProxy compares the whole input with the same in pieces of 1 to 8 bytes, which cuts gives the lengths of.
func FuzzProxy(f *testing.F) {
	for i, header := range allHeaders() {
		f.Add(append(bytes.Clone(header), behind...), uint64(i)*0x9e3779b97f4a7c15)
	}
	f.Fuzz(func(t *testing.T, input []byte, cuts uint64) {
		comparePieces(t, input, testHeaderMax, func(at int) int { return 1 + int(cuts>>(at*3%61))&7 })
		p := NewProxy(testHeaderMax)
		rest, done, err := p.Feed(input)
		switch {
		case done && (err != nil || p.Header() == nil || !bytes.HasSuffix(input, rest)):
			t.Fatalf("done with %v, header %v, rest %q of %q", err, p.Header(), rest, input)
		case !done && err == nil && p.Pending() != len(input):
			t.Fatalf("%d bytes pending of %d", p.Pending(), len(input))
		case !done && len(input) >= testHeaderMax && err == nil:
			t.Fatalf("still waits after %d bytes", len(input))
		}
	})
}
