package client_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// Whatever a server sends, whole or cut anywhere: no panic, no hang, the connection ends with an error.
func TestGarbageFromTheServer(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	seeds := [][]byte{
		{0x30, 5, 0, 1, 't', 0, 'x'}, {0x32, 6, 0, 1, 't', 0, 1, 0}, {0x34, 6, 0, 1, 't', 0, 1, 0},
		{0x40, 2, 0, 1}, {0x50, 2, 0, 1}, {0x62, 2, 0, 1}, {0x70, 2, 0, 1},
		{0x90, 4, 0, 1, 0, 0}, {0xB0, 4, 0, 1, 0, 0}, {0xD0, 0}, {0xE0, 2, 0, 0}, {0xF0, 2, 0x18, 0}, {0x20, 3, 0, 0, 0},
	}
	for _, v := range all {
		t.Run(short[v], func(t *testing.T) {
			for range 300 {
				var b []byte
				for range 1 + random.IntN(8) {
					b = append(b, seeds[random.IntN(len(seeds))]...)
				}
				for range random.IntN(4) {
					b[random.IntN(len(b))] = byte(random.Uint32())
				}
				cut := random.IntN(len(b) + 1)
				synctest.Test(t, func(t *testing.T) { survive(t, v, b[:cut], b[cut:]) })
			}
		})
	}
}

func FuzzServer(f *testing.F) {
	f.Add(byte(5), []byte{0x32, 6, 0, 1, 't', 0, 1, 0, 0x62, 2, 0, 1})
	f.Add(byte(4), []byte{0x20, 2, 0, 0, 0x34, 5, 0, 1, 't', 0, 1})
	f.Add(byte(3), []byte{0xFF, 0xFF, 0xFF, 0xFF, 0x7F})
	f.Fuzz(func(t *testing.T, v byte, b []byte) {
		survive(t, mqtt.Version(3+v%3), b, nil)
	})
}

// survive lets a client with everything in flight meet b, then the end of the connection.
func survive(t *testing.T, v mqtt.Version, parts ...[]byte) {
	o := durable(v, client.NewSession())
	o.Props.TopicAliasMaximum = 5
	o.Props.Set(mqtt.PropTopicAliasMaximum)
	o.Handler = func(*client.Message) {}
	c, p := newStage(t).open(o, mqtt.Connack{})
	go io.Copy(io.Discard, p.Conn)
	async(t, c, msg("a", 1), nil)
	async(t, c, msg("b", 2), nil)
	var waiting sync.WaitGroup
	waiting.Go(func() { c.Subscribe(t.Context(), []client.Filter{{Filter: "t"}}, nil) })
	for _, b := range parts {
		if _, err := io.Copy(p.Conn, bytes.NewReader(b)); err != nil {
			break // the client has left
		}
	}
	p.Close()
	<-c.Done()
	if c.Err() == nil {
		t.Errorf("no error after % x", parts)
	}
	waiting.Wait()
}
