package mqtt

import (
	"bytes"
	"testing"
)

var benchTopic = []byte("sensors/kitchen/t/0123456") // 25 bytes

// benchPublishes are what brokers see most.
func benchPublishes() []golden {
	payload := bytes.Repeat([]byte("x"), 64)
	few := with(Properties{PayloadFormat: 1, MessageExpiry: 60}, PropPayloadFormat, PropMessageExpiry)
	many := with(Properties{PayloadFormat: 1, MessageExpiry: 60, ContentType: []byte("application/json"),
		ResponseTopic: []byte("replies/42"), CorrelationData: []byte("0123456789abcdef"),
		User: []UserProperty{{[]byte("trace"), []byte("0af7651916cd43dd")}, {[]byte("unit"), []byte("°C")}}},
		PropPayloadFormat, PropMessageExpiry, PropContentType, PropResponseTopic, PropCorrelationData)
	alias := with(Properties{TopicAlias: 7}, PropTopicAlias)
	return []golden{
		{"v311/qos0", client311, &anyPublish{Publish{Topic: benchTopic, Payload: payload}}, nil},
		{"v311/qos1", client311, &anyPublish{Publish{QoS: 1, ID: 7, Topic: benchTopic, Payload: payload}}, nil},
		{"v5/qos0", client5, &anyPublish{Publish{Topic: benchTopic, Payload: payload}}, nil},
		{"v5/qos1", client5, &anyPublish{Publish{QoS: 1, ID: 7, Topic: benchTopic, Payload: payload}}, nil},
		{"v5/alias", client5, &anyPublish{Publish{Props: alias, Payload: payload}}, nil},
		{"v5/2props", client5, &anyPublish{Publish{QoS: 1, ID: 7, Topic: benchTopic, Props: few, Payload: payload}}, nil},
		{"v5/7props", client5, &anyPublish{Publish{QoS: 1, ID: 7, Topic: benchTopic, Props: many, Payload: payload}}, nil},
	}
}

func BenchmarkPublishDecode(b *testing.B) {
	for _, g := range benchPublishes() {
		h, body, _ := cut(g.p.AppendTo(nil, g.from.Version, 0))
		b.Run(g.name, func(b *testing.B) {
			b.ReportAllocs()
			var p Publish
			for b.Loop() {
				if err := p.Decode(g.from, h.Flags, body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkPublishAppend(b *testing.B) {
	for _, g := range benchPublishes() {
		p := &g.p.(*anyPublish).Publish
		dst := make([]byte, 0, 1024)
		b.Run(g.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				dst = p.AppendTo(dst[:0], g.from.Version)
			}
		})
	}
}

// BenchmarkReader is the time per packet of cutting a read into packets.
func BenchmarkReader(b *testing.B) {
	p := Publish{Topic: benchTopic, Payload: make([]byte, 64)}
	one := p.AppendTo(nil, V311)
	for _, c := range []struct {
		name string
		read []byte // as one read delivers it, again and again
	}{
		{"whole", bytes.Repeat(one, 700)},
		{"ping", bytes.Repeat(AppendPingreq(nil), 700)},
		// The last packet of each read goes on in the next.
		{"64KB", bytes.Repeat(one, 93*64)[:len(one)*64*11]},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var r Reader
			rest := c.read
			for b.Loop() {
				if len(rest) == 0 {
					rest = c.read
				}
				_, _, rest, _ = r.Next(rest, 1<<20)
			}
		})
	}
	b.Run("split", func(b *testing.B) {
		b.ReportAllocs()
		var r Reader
		for b.Loop() {
			_, _, _, _ = r.Next(one[:40], 1<<20)
			_, _, _, _ = r.Next(one[40:], 1<<20)
		}
	})
	b.Run("1MB-in-64KB", func(b *testing.B) {
		p := Publish{Topic: benchTopic, Payload: make([]byte, 1<<20)}
		large := p.AppendTo(nil, V311)
		b.SetBytes(int64(len(large)))
		b.ReportAllocs()
		var r Reader
		for b.Loop() {
			for in := large; len(in) > 0; {
				n := min(len(in), 1<<16)
				_, _, _, _ = r.Next(in[:n], 0)
				in = in[n:]
			}
		}
	})
}

func BenchmarkAck(b *testing.B) {
	b.Run("decode", func(b *testing.B) {
		a := Ack{Type: PUBACK}
		body := pack(0, 7)
		for b.Loop() {
			_ = a.Decode(client5, 0, body)
		}
	})
	b.Run("append", func(b *testing.B) {
		dst := make([]byte, 0, 16)
		for b.Loop() {
			dst = AppendAck(dst[:0], PUBACK, 7, Success, V5)
		}
	})
}

func BenchmarkConnectDecode(b *testing.B) {
	for _, g := range connectGolden {
		h, body, _ := cut(g.wire)
		b.Run(g.name, func(b *testing.B) {
			b.ReportAllocs()
			var c Connect
			for b.Loop() {
				_ = c.Decode(h.Flags, body)
			}
		})
	}
}

func BenchmarkCheckName(b *testing.B) {
	for _, s := range []string{"a/b", "0123456789abcdef", string(benchTopic), "sensors/küche/temperatur/1"} {
		name := []byte(s)
		b.Run(s, func(b *testing.B) {
			for b.Loop() {
				if checkName(name, faultTopicWild) != nil {
					b.Fatal("refused")
				}
			}
		})
	}
}
