package codec

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/codectest"
)

// FuzzTLSServer feeds a server's stage whatever a peer might send, in pieces as long as cuts says, from the beginning of
// the connection, behind a good ClientHello, or in records that decrypt. However it ends, it ends: with a fault, or
// because the connection goes; and no goroutine stays.
func FuzzTLSServer(f *testing.F) {
	a := newAuthority(f)
	cfg := a.server(f, false, false)
	first := hello(f, small(a.client(), tls.VersionTLS13))
	f.Add(uint8(0), first, []byte{1, 2, 3, 255})
	f.Add(uint8(0), hello(f, small(a.client(), tls.VersionTLS12)), []byte{})
	f.Add(uint8(0), []byte("GET / HTTP/1.1\r\n\r\n"), []byte{1})
	f.Add(uint8(0), []byte("\x15\x03\x01\x00\x02\x02\x28"), []byte{})
	f.Add(uint8(1), []byte("\x14\x03\x03\x00\x01\x01\x17\x03\x03\x00\x20"+strings.Repeat("?", 32)), []byte{7})
	f.Add(uint8(1), first, []byte{100})
	f.Add(uint8(2), []byte("\x17\x04data\x16\x05\x18\x00\x00\x01\x01"), []byte{3})
	f.Add(uint8(2), []byte("\x15\x02\x01\x00\x17\x00\x17\x01x"), []byte{20, 1})
	f.Add(uint8(2), []byte("\x16\x02\x18\x00\x16\x03\x00\x01\x00\x17\x02ab"), []byte{20, 1})
	f.Fuzz(func(t *testing.T, from uint8, in, cuts []byte) {
		turns, s := NewHandshakes(HandshakeLimits{Active: 1}), NewScratch()
		kicks := make(chan struct{}, 1)
		stage := NewTLS(cfg, false, turns, func() { kicks <- struct{}{} })
		switch from % 3 {
		case 1:
			must(t, stage.Feed(first, s, nil))
		case 2:
			var keys strings.Builder
			ccfg := small(a.client(), tls.VersionTLS13)
			ccfg.KeyLogWriter = &keys
			l := linked(t, s, turns, cfg, ccfg)
			writer, err := codectest.NewForger(l.client.ConnectionState(), keys.String())
			must(t, err)
			writer.Skip() // the record that the client has sent
			stage = l.stage
			in = forgeAll(writer, in)
		}
		var err error
		largest := 0
		sink := sinkFunc(func(p []byte) bool { return true })
		for i := 0; len(in) > 0 && err == nil; i++ {
			n := len(in)
			if i < len(cuts) {
				n = min(n, 1+int(cuts[i]))
			}
			largest = max(largest, n)
			err = stage.Feed(bytes.Clone(in[:n]), s, sink)
			in = in[n:]
			select {
			case <-kicks:
				if err == nil {
					_, err = stage.Step(s)
				}
			default:
			}
		}
		if fault, ok := errors.AsType[*Fault](err); err != nil && err != io.EOF && (!ok || fault.Cause < TLSNotTLS || fault.Cause > TLSProtocol) {
			t.Fatalf("ended with %v", err)
		}
		if n := stage.Pending(); n > maxHeld+largest {
			t.Fatalf("%d bytes are held, pieces had at most %d", n, largest)
		}
		stage.CloseNotify(s)
		stage.Gone()
		await(t, "the handshake's goroutine ends", func() bool { return turns.Stats().Active == 0 })
	})
}

// forgeAll makes records of the input: a type, a length, so many bytes.
func forgeAll(f *codectest.Forger, in []byte) (b []byte) {
	for len(in) >= 2 {
		typ, n := in[0], min(int(in[1]), len(in)-2)
		b = append(b, f.Record(typ, in[2:2+n])...)
		if bytes.HasPrefix(in[2:], []byte{24, 0, 0, 1}) {
			f.Renew()
		}
		in = in[2+n:]
	}
	return b
}
