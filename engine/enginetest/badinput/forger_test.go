package badinput

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
)

// forger writes the records of a TLS 1.3 client by hand, since crypto/tls's client asks for no new keys. It knows the
// client's traffic secret by the log of keys (RFC 8446 sections 5.2, 7.2 and 7.3).
type forger struct {
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	seq    uint64
}

// forge shakes hands on the connection. What is written from now on are the forger's records.
func forge(t *testing.T, s *site, c *rig.Conn) *forger {
	t.Helper()
	var keys strings.Builder
	cfg := s.trusting()
	cfg.MinVersion, cfg.KeyLogWriter = tls.VersionTLS13, &keys
	over, err := c.Secure(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if suite := over.ConnectionState().CipherSuite; suite != tls.TLS_AES_128_GCM_SHA256 {
		t.Fatalf("the suite is %s; the forger knows TLS_AES_128_GCM_SHA256 only", tls.CipherSuiteName(suite))
	}
	_, line, _ := strings.Cut(keys.String(), "CLIENT_TRAFFIC_SECRET_0 ")
	line, _, _ = strings.Cut(line, "\n")
	secret, err := hex.DecodeString(line[strings.IndexByte(line, ' ')+1:])
	if err != nil {
		t.Fatal(err)
	}
	f := new(forger)
	f.use(secret)
	return f
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

func expand(secret []byte, label string, n int) []byte {
	label = "tls13 " + label
	info := append(binary.BigEndian.AppendUint16(nil, uint16(n)), byte(len(label)))
	info = append(append(info, label...), 0)
	key, err := hkdf.Expand(sha256.New, secret, string(info), n)
	if err != nil {
		panic(err)
	}
	return key
}

// record is one record with these contents.
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

// update tells of new keys, and asks for the peer's.
func (f *forger) update() []byte {
	b := f.record(22, []byte{24, 0, 0, 1, 1})
	f.use(expand(f.secret, "traffic upd", 32))
	return b
}
