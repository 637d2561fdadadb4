// Package codectest makes bytes for tests that no well-behaved library sends.
package codectest

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
	"strings"
)

// The types of a record's content.
const (
	Handshake byte = 22
	Data      byte = 23
)

// Forger writes the records of a TLS 1.3 client by hand, since crypto/tls's client sends no KeyUpdate: from its traffic
// secret, as the log of keys tells it (RFC 8446 sections 5.2, 7.2 and 7.3). It belongs to one goroutine.
type Forger struct {
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	seq    uint64
}

// NewForger goes on in the place of a client that has shaken hands: with its state and what it wrote to KeyLogWriter.
func NewForger(state tls.ConnectionState, keys string) (*Forger, error) {
	if state.CipherSuite != tls.TLS_AES_128_GCM_SHA256 {
		return nil, fmt.Errorf("the suite is %s; the forger knows TLS_AES_128_GCM_SHA256 only", tls.CipherSuiteName(state.CipherSuite))
	}
	_, line, _ := strings.Cut(keys, "CLIENT_TRAFFIC_SECRET_0 ")
	line, _, _ = strings.Cut(line, "\n")
	secret, err := hex.DecodeString(line[strings.IndexByte(line, ' ')+1:])
	if err != nil {
		return nil, fmt.Errorf("log of keys: %w", err)
	}
	f := new(Forger)
	f.use(secret)
	return f, nil
}

func (f *Forger) use(secret []byte) {
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

// Record is one record with these contents.
func (f *Forger) Record(typ byte, payload []byte) []byte {
	nonce := bytes.Clone(f.iv)
	for i := range 8 {
		nonce[4+i] ^= byte(f.seq >> (56 - 8*i))
	}
	f.seq++
	n := len(payload) + 1 + f.aead.Overhead()
	head := []byte{23, 3, 3, byte(n >> 8), byte(n)}
	return f.aead.Seal(head, nonce, append(bytes.Clone(payload), typ), head)
}

// Skip leaves the number of a record out that the client has sent by itself.
func (f *Forger) Skip() { f.seq++ }

// Update is a KeyUpdate, in one record or split in two, and brings the new keys into use; request asks for the peer's.
func (f *Forger) Update(request, split bool) (b []byte) {
	msg := []byte{24, 0, 0, 1, 0}
	if request {
		msg[4] = 1
	}
	if split {
		b = append(f.Record(Handshake, msg[:2]), f.Record(Handshake, msg[2:])...)
	} else {
		b = f.Record(Handshake, msg)
	}
	f.Renew()
	return b
}

// Renew brings the next keys into use, as a KeyUpdate says.
func (f *Forger) Renew() { f.use(expand(f.secret, "traffic upd", 32)) }
