package codec_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"time"

	"github.com/penstock-mqtt/penstock/codec"
)

// side is one end of a connection without a socket: what it has to write is fed to the other.
type side struct {
	name  string
	chain codec.Chain
	s     *codec.Scratch
	other *side
}

// Bytes takes what is left when TLS is off.
func (e *side) Bytes(p []byte) bool {
	fmt.Printf("%s got %q\n", e.name, p)
	return true
}

// step takes the news of the handshake.
func (e *side) step() {
	done, err := e.chain.Step()
	if done {
		err = e.chain.Continue()
	}
	e.write(err)
}

func (e *side) write(err error) {
	if err != nil {
		fmt.Println(e.name, "ends with", err)
	}
	wire := e.s.Wire
	if e.s.Wire = nil; len(wire) > 0 {
		e.other.write(e.other.chain.Feed(wire))
	}
}

// A chain with one stage, TLS, as a server's and as a client's.
func ExampleChain() {
	serverConfig, clientConfig := selfSigned()
	turns := codec.NewHandshakes(codec.HandshakeLimits{Active: 10, Waiting: 100})
	loop := make(chan func(), 2) // what goroutines want done on the loop, which is this function
	server := &side{name: "server", s: codec.NewScratch()}
	client := &side{name: "client", s: codec.NewScratch(), other: server}
	server.other = client
	server.chain.Attach(server.s, server)
	client.chain.Attach(client.s, client)
	server.chain.TLS = codec.NewTLS(serverConfig, false, turns, func() { loop <- server.step })
	client.chain.TLS = codec.NewTLS(clientConfig, true, turns, func() { loop <- client.step })

	client.chain.TLS.Start()
	for !client.chain.Open() || !server.chain.Open() {
		(<-loop)()
	}
	fmt.Println("protocol:", server.chain.TLS.State().NegotiatedProtocol)
	client.write(client.chain.Seal([]byte("ping")))
	server.write(server.chain.Seal([]byte("pong")))
	client.chain.End(0)
	client.write(nil)
	// Output:
	// protocol: mqtt
	// server got "ping"
	// client got "pong"
	// server ends with EOF
}

func selfSigned() (server, client *tls.Config) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"broker"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	mqtt := []string{"mqtt"}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, NextProtos: mqtt},
		&tls.Config{RootCAs: pool, ServerName: "broker", NextProtos: mqtt}
}
