package codec

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/codectest"
)

// forged shakes hands as a client of crypto/tls, that goes on reading, and gives what writes in its place.
func forged(t testing.TB, chop int) (p *peer, end net13, f *codectest.Forger) {
	t.Helper()
	a := newAuthority(t)
	p, wire := serve(t, a.server(t, false, false), false, plenty(), chop)
	var keys strings.Builder
	ccfg := a.client()
	ccfg.MinVersion, ccfg.KeyLogWriter = tls.VersionTLS13, &keys
	c := tls.Client(wire, ccfg)
	must(t, c.Handshake())
	f, err := codectest.NewForger(c.ConnectionState(), keys.String())
	must(t, err)
	return p, net13{c, wire}, f
}

// net13 reads what TLS brings and writes what the forger made.
type net13 struct {
	io.Reader
	io.Writer
}

func TestKeysAreUpdatedByteByByte(t *testing.T) {
	for _, request := range []bool{false, true} {
		for _, chop := range []int{0, 1} {
			_, end, f := forged(t, chop)
			for i := range 60 {
				b := append(f.Update(request, i%2 == 0), f.Update(false, false)...)
				want := fmt.Sprintf("after update %d", i)
				_, err := end.Write(append(b, f.Record(codectest.Data, []byte(want))...))
				must(t, err)
				got := make([]byte, len(want))
				if _, err := io.ReadFull(end, got); err != nil || string(got) != want {
					t.Fatalf("request %v, pieces of %d: %q came back, %v; want %q", request, chop, got, err, want)
				}
			}
		}
	}
}

func TestKeyUpdatesWithoutEndAreRefused(t *testing.T) {
	p, end, f := forged(t, 0)
	for range 40 {
		if _, err := end.Write(f.Update(true, false)); err != nil {
			break
		}
	}
	wantCause(t, p.result(t), TLSProtocol)
}

// Whatever kinds of records come, in whatever pieces, all plaintext that is whole has been handed on when Feed returns.
func TestNoPlaintextStaysBehind(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 2))
		p, end, f := forged(t, 0)
		_, err := end.Write(f.Record(codectest.Data, []byte("x")))
		must(t, err)
		_, err = io.ReadFull(end, make([]byte, 1)) // the stage is open
		must(t, err)
		p.halt()
		var stream, plain []byte
		type mark struct{ at, plain int }
		var marks []mark
		idle := 0 // records in a row that bring nothing: crypto/tls allows 16
		for range 200 {
			k := r.IntN(6)
			if idle++; idle > 10 {
				k = 5
			}
			switch k {
			case 0:
				stream = append(stream, f.Update(r.IntN(2) == 0, r.IntN(2) == 0)...)
			case 1:
				stream = append(stream, f.Record(codectest.Data, nil)...)
			case 2:
				stream = append(stream, f.Record(21, []byte{1, 90})...) // user_canceled, to be ignored
			default:
				b := bytes.Repeat([]byte{byte(r.Uint32())}, 1+r.IntN(40)*r.IntN(60))
				stream, plain, idle = append(stream, f.Record(codectest.Data, b)...), append(plain, b...), 0
			}
			marks = append(marks, mark{len(stream), len(plain)})
		}
		var got []byte
		sink := sinkFunc(func(b []byte) bool { got = append(got, b...); return true })
		for at := 0; at < len(stream); {
			n := min(len(stream)-at, 1+r.IntN(1+r.IntN(3000)))
			if err := p.stage.Feed(bytes.Clone(stream[at:at+n]), p.s, sink); err != nil {
				t.Fatalf("seed %d at %d: %v", seed, at, err)
			}
			p.s.Reset()
			at += n
			whole := 0
			for _, m := range marks {
				if m.at <= at {
					whole = m.plain
				}
			}
			if !bytes.Equal(got, plain[:whole]) {
				t.Fatalf("seed %d at %d of %d: %d bytes handed on, want %d", seed, at, len(stream), len(got), whole)
			}
		}
	}
}
