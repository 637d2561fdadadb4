package client_test

import (
	"io"
	"net"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// BenchmarkPublishAsync is a publisher that never waits, against a server that takes everything and answers
// at once, over TCP.
func BenchmarkPublishAsync(b *testing.B) {
	for qos := range byte(2) {
		b.Run([]string{"qos0", "qos1"}[qos], func(b *testing.B) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			defer ln.Close()
			go acknowledge(ln)
			c, _, err := client.Dial(b.Context(), client.Options{Addr: ln.Addr().String(), Inflight: 1000})
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			m := client.Message{Topic: "bench/topic", Payload: make([]byte, 64), QoS: qos}
			b.ReportAllocs()
			for b.Loop() {
				if err := c.PublishAsync(b.Context(), m, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// acknowledge serves one connection: CONNACK, then a PUBACK for each QoS 1 PUBLISH.
func acknowledge(ln net.Listener) {
	conn, err := ln.Accept()
	if err != nil {
		return
	}
	defer conn.Close()
	var r mqtt.Reader
	buf, out := make([]byte, 64<<10), []byte(nil)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		out = out[:0]
		for in := buf[:n]; ; {
			h, body, rest, err := r.Next(in, 0)
			if err != nil || h.Type == 0 {
				break
			}
			in = rest
			switch {
			case h.Type == mqtt.CONNECT:
				out = append(out, 0x20, 3, 0, 0, 0)
			case h.Type == mqtt.PUBLISH && h.Flags&6 != 0:
				at := 2 + int(body[0])<<8 + int(body[1])
				out = append(out, 0x40, 2, body[at], body[at+1])
			}
		}
		if _, err := conn.Write(out); err != nil {
			return
		}
	}
}

// BenchmarkReceive is a handler fed as fast as it takes.
func BenchmarkReceive(b *testing.B) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		go io.Copy(io.Discard, conn)
		burst := []byte{0x20, 3, 0, 0, 0}
		for {
			if _, err := conn.Write(burst); err != nil {
				return
			}
			burst = burst[:0]
			m := mqtt.Publish{Topic: []byte("bench/topic"), Payload: make([]byte, 64)}
			for range 100 {
				burst = m.AppendTo(burst, mqtt.V5)
			}
		}
	}()
	got := make(chan struct{}, 1024)
	handler := func(*client.Message) {
		select {
		case got <- struct{}{}:
		case <-b.Context().Done():
		}
	}
	c, _, err := client.Dial(b.Context(), client.Options{Addr: ln.Addr().String(), Handler: handler})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	b.ReportAllocs()
	for b.Loop() {
		<-got
	}
}
