package perf

import (
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/fanout"
)

// BenchmarkCodecThrough takes PUBLISHes through all that is not network: cut from one read, decode, the one copy, the
// frame, its bytes in the write buffer. An operation is a message of a window of 16; with [BenchmarkOneToOne] it says how
// much of a message is the kernel's.
func BenchmarkCodecThrough(b *testing.B) {
	for _, c := range []struct {
		name string
		qos  byte
		v    mqtt.Version
	}{{"qos0/v311", 0, mqtt.V311}, {"qos1/v311", 1, mqtt.V311}, {"qos0/v5", 0, mqtt.V5}, {"qos1/v5", 1, mqtt.V5}} {
		b.Run(c.name, func(b *testing.B) {
			in := burst(window, topic, c.qos, c.v, 64)
			from := mqtt.Peer{Version: c.v}
			var reader mqtt.Reader
			var pool fanout.Pool
			var p mqtt.Publish
			out := make([]byte, 0, 2*len(in))
			b.ReportAllocs()
			for rest := in; b.Loop(); {
				if len(rest) == 0 {
					rest, out = in, out[:0]
				}
				var h mqtt.Header
				var body []byte
				h, body, rest, _ = reader.Next(rest, 1<<20)
				if err := p.Decode(from, h.Flags, body); err != nil {
					b.Fatal(err)
				}
				m := pool.NewMessage(&p)
				f := pool.Encode(m, fanout.Form{V5: c.v == mqtt.V5, QoS: c.qos}, nil, 0)
				out = f.AppendHead(out, p.ID)
				pool.ReleaseFrame(f)
				pool.Release(m, 1)
			}
		})
	}
}

// BenchmarkCodecSession is what a connection costs the codec from CONNECT to SUBACK, both ways.
func BenchmarkCodecSession(b *testing.B) {
	for _, c := range []struct {
		name string
		v    mqtt.Version
	}{{"v311", mqtt.V311}, {"v5", mqtt.V5}} {
		b.Run(c.name, func(b *testing.B) {
			connect := mqtt.Connect{Version: c.v, CleanStart: true, ClientID: []byte("device-00017"), KeepAlive: 60}
			subscribe := mqtt.Subscribe{ID: 1, Filters: []mqtt.Subscription{
				{Filter: []byte("devices/device-00017/command"), Options: 1}, {Filter: []byte("site/+/alarm/#"), Options: 1}}}
			connack, suback := mqtt.Connack{}, mqtt.Suback{ID: 1, Codes: []mqtt.Reason{1, 1}}
			var gotConnect mqtt.Connect
			var gotSubscribe mqtt.Subscribe
			var reader mqtt.Reader
			in, out := make([]byte, 0, 512), make([]byte, 0, 512)
			b.ReportAllocs()
			for b.Loop() {
				in = subscribe.AppendTo(connect.AppendTo(in[:0]), c.v, 0)
				h, body, rest, _ := reader.Next(in, 0)
				if err := gotConnect.Decode(h.Flags, body); err != nil {
					b.Fatal(err)
				}
				h, body, _, _ = reader.Next(rest, 0)
				if err := gotSubscribe.Decode(mqtt.Peer{Version: c.v}, h.Flags, body); err != nil {
					b.Fatal(err)
				}
				out = suback.AppendTo(connack.AppendTo(out[:0], c.v, 0), c.v, 0)
			}
		})
	}
}
