package codec

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// forger writes the records of a TLS 1.3 client by hand, since crypto/tls's client sends no KeyUpdate: from its traffic
// secret, as the log of keys tells it (RFC 8446, 5.2, 7.2, 7.3).
type forger struct {
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	seq    uint64
}

func expand(secret []byte, label string, n int) []byte {
	info := binary.BigEndian.AppendUint16(nil, uint16(n))
	info = append(info, byte(len("tls13 ")+len(label)))
	info = append(append(info, "tls13 "+label...), 0)
	key, err := hkdf.Expand(sha256.New, secret, string(info), n)
	if err != nil {
		panic(err)
	}
	return key
}

func (f *forger) use(secret []byte) {
	block, err := aes.NewCipher(expand(secret, "key", 16))
	if err != nil {
		panic(err)
	}
	if f.aead, err = cipher.NewGCM(block); err != nil {
		panic(err)
	}
	f.secret, f.iv, f.seq = secret, expand(secret, "iv", 12), 0
}

func (f *forger) record(typ byte, payload []byte) []byte {
	nonce := bytes.Clone(f.iv)
	for i := range 8 {
		nonce[4+i] ^= byte(f.seq >> (56 - 8*i))
	}
	f.seq++
	n := len(payload) + 1 + f.aead.Overhead()
	head := []byte{23, 3, 3, byte(n >> 8), byte(n)}
	return f.aead.Seal(head, nonce, append(bytes.Clone(payload), typ), head)
}

func (f *forger) data(p []byte) []byte { return f.record(23, p) }

// update is a KeyUpdate, in one record or in two, and the new keys.
func (f *forger) update(request, split bool) (b []byte) {
	msg := []byte{24, 0, 0, 1, 0}
	if request {
		msg[4] = 1
	}
	if split {
		b = append(f.record(22, msg[:2]), f.record(22, msg[2:])...)
	} else {
		b = f.record(22, msg)
	}
	f.use(expand(f.secret, "traffic upd", 32))
	return b
}

// forged shakes hands as a client of crypto/tls, that goes on reading, and gives what writes in its place.
func forged(t testing.TB, chop int) (p *peer, end net13, f *forger) {
	t.Helper()
	a := newAuthority(t)
	p, wire := serve(t, a.server(t, false, false), false, plenty(), chop)
	var keys strings.Builder
	ccfg := a.client()
	ccfg.MinVersion, ccfg.KeyLogWriter = tls.VersionTLS13, &keys
	c := tls.Client(wire, ccfg)
	must(t, c.Handshake())
	if s := c.ConnectionState().CipherSuite; s != tls.TLS_AES_128_GCM_SHA256 {
		t.Fatalf("the suite is %s; the forger knows TLS_AES_128_GCM_SHA256 only", tls.CipherSuiteName(s))
	}
	return p, net13{c, wire}, newForger(t, keys.String())
}

// newForger takes up the keys of a client that has shaken hands, of its log of keys.
func newForger(t testing.TB, keys string) *forger {
	t.Helper()
	_, line, _ := strings.Cut(keys, "CLIENT_TRAFFIC_SECRET_0 ")
	line, _, _ = strings.Cut(line, "\n")
	secret, err := hex.DecodeString(line[strings.IndexByte(line, ' ')+1:])
	must(t, err)
	f := new(forger)
	f.use(secret)
	return f
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
				b := append(f.update(request, i%2 == 0), f.update(false, false)...)
				want := fmt.Sprintf("after update %d", i)
				_, err := end.Write(append(b, f.data([]byte(want))...))
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
		if _, err := end.Write(f.update(true, false)); err != nil {
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
		_, err := end.Write(f.data([]byte("x")))
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
				stream = append(stream, f.update(r.IntN(2) == 0, r.IntN(2) == 0)...)
			case 1:
				stream = append(stream, f.data(nil)...)
			case 2:
				stream = append(stream, f.record(21, []byte{1, 90})...) // user_canceled, to be ignored
			default:
				b := bytes.Repeat([]byte{byte(r.Uint32())}, 1+r.IntN(40)*r.IntN(60))
				stream, plain, idle = append(stream, f.data(b)...), append(plain, b...), 0
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
